"""The examination of a host, on the real engine; `tests/cli/test_doctor.py` has the command."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from certify.doctor import examine as module
from certify.doctor.examine import Scope, examine
from certify.engine import launch_plan
from certify.model.errors import EngineUnavailable
from certify.model.examination import Health


@pytest.mark.engine
@pytest.mark.usefixtures("nothing_left")
def test_an_isolation_without_a_right_that_systemd_needs_does_not_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Forbid mounts, as a hardened host does."""
    profile = json.loads(launch_plan.seccomp_profile())
    profile["syscalls"] = [each for each in profile["syscalls"] if "mount" not in each["names"]]
    monkeypatch.setattr(launch_plan, "seccomp_profile", lambda **_: json.dumps(profile))
    signs = {sign.name: sign for sign in examine(Scope("127.0.0.1", 1))}
    caps = signs["isolation.caps"]
    assert caps.status is not Health.OK
    assert caps.text.startswith("a container starts, but may not mount a file")
    assert signs["isolation.default"].status is Health.OK


def test_without_an_engine_there_is_one_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect() -> None:
        raise EngineUnavailable("No engine answers.", remedy="Start one.")

    monkeypatch.setattr(module, "Engine", SimpleNamespace(connect=connect))
    (sign,) = examine(Scope())
    assert (sign.name, sign.status) == ("engine", Health.FAIL)
    assert (sign.text, sign.remedy) == ("No engine answers.", "Start one.")
