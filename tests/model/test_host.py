"""The kind of a host: what two hosts must share for a verdict to hold on both."""

from __future__ import annotations

import pytest

from certify.model.host import Calibration
from tests.factories import HOST

KIND = "cgroup v2, overlay2, amd64"


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, KIND),
        (
            {"engine": "docker", "engine_version": "99", "kernel": "9", "cpus": 64, "name": "b"},
            KIND,
        ),
        ({"engine": "Podman"}, f"{KIND}, Podman"),
        ({"cgroup_version": "1"}, "cgroup v1, overlay2, amd64"),
        ({"storage_driver": "vfs"}, "cgroup v2, vfs, amd64"),
        ({"architecture": "arm64"}, "cgroup v2, overlay2, arm64"),
    ],
)
def test_a_kind_is_control_groups_storage_architecture_and_an_unusual_engine(
    fields: dict[str, object], kind: str
) -> None:
    known = {
        "engine": "Docker", "cgroup_version": "2", "storage_driver": "overlay2",
        "architecture": "amd64",
    }  # fmt: skip
    assert HOST.model_copy(update=known | fields).kind == kind


def test_the_speed_of_a_host_is_that_of_all_steps() -> None:
    speed = Calibration(create_seconds=0.25, start_seconds=0.5, remove_seconds=1.0)
    assert speed.total_seconds == 1.75
