"""Engines that speak Docker's API, told apart by what they say of themselves."""

from __future__ import annotations

from typing import Any

import pytest

from certify.engine.dialect import DOCKER, PODMAN, dialect_of

PODMAN_INFO = {"BuildahVersion": "1.28.2", "ServerVersion": "4.3.1"}


@pytest.mark.parametrize(
    ("info", "name"),
    [
        ({}, "docker"),
        ({"ServerVersion": "28.5.2", "CgroupVersion": "1"}, "docker"),
        (PODMAN_INFO | {"CgroupVersion": "2"}, "podman"),
    ],
)
def test_podman_is_known_by_buildah(info: dict[str, Any], name: str) -> None:
    assert dialect_of(info).name == name


@pytest.mark.parametrize(
    ("version", "writable"),
    [("20.10.24+dfsg1", False), ("27.5.1", False), ("28.0.0", True), ("29.1.0-rc.1", True),
     ("", False), ("dev", False)],
)  # fmt: skip
def test_docker_28_makes_control_groups_writable(version: str, writable: bool) -> None:
    assert dialect_of({"ServerVersion": version}).writable_cgroups is writable
    assert not dialect_of(PODMAN_INFO | {"ServerVersion": version}).writable_cgroups


def test_a_device_is_asked_for_only_where_none_can_be_allowed_later() -> None:
    assert dialect_of(PODMAN_INFO | {"CgroupVersion": "1"}).devices == ("/dev/net/tun",)
    assert dialect_of(PODMAN_INFO | {"CgroupVersion": "2"}).devices == PODMAN.devices == ()
    assert dialect_of({"CgroupVersion": "1"}).devices == DOCKER.devices == ()
