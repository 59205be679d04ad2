"""Whose fault it is that a container did not start, or ended."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import pytest
from docker.errors import APIError

from certify.engine import attribution
from certify.engine.attribution import (
    ended_from_outside,
    is_image_fault,
    memory_ran_out,
    reads_as_image_fault,
)
from certify.engine.client import Engine
from certify.engine.dialect import DOCKER, PODMAN, Dialect
from certify.model.errors import EngineUnavailable, LaunchRefused

RUNC = (
    "failed to create shim task: OCI runtime create failed: runc create failed: "
    "unable to start container process: "
)
EARLIER = (
    "failed to create shim: OCI runtime create failed: container_linux.go:380: "
    "starting container process caused: "
)
LATER = f"{RUNC}error during container init: "
EXEC = "OCI runtime exec failed: exec failed: unable to start container process: "
CRUN = "OCI runtime create failed: crun: "

IMAGES = {
    "no shell": f'{RUNC}exec: "/bin/sh": stat /bin/sh: no such file or directory: unknown',
    "earlier runc": f'{EARLIER}exec: "/bin/sh": stat /bin/sh: no such file or directory: unknown',
    "later runc": f'{LATER}exec: "/bin/sh": stat /bin/sh: no such file or directory: unknown',
    "old runc": 'container_linux.go:349: starting container process caused "exec: \\"/bin/sh\\": '
    'stat /bin/sh: no such file or directory": unknown',
    "beside": f'{EXEC}exec: "/bin/sh": stat /bin/sh: no such file or directory: unknown',
    "crun": f"{CRUN}executable file `/bin/sh` not found in $PATH: No such file or directory",
    "a folder": f'{RUNC}exec: "/bin/sh": is a directory: unknown',
    "not executable": f'{RUNC}exec: "/bin/sh": permission denied: unknown',
    "another architecture": f"{RUNC}exec /bin/sh: exec format error",
}
HOSTS = {
    "no runtime": 'failed to start shim: exec: "containerd-shim-runc-v2": executable file not '
    "found in $PATH: unknown",
    "a shim's own shell": 'failed to start shim: exec: "/bin/sh": permission denied: unknown',
    "a hook": f'{RUNC}error during container init: error running hook: exec: "/bin/sh": '
    "permission denied",
    "a disk": f'{RUNC}exec: "/bin/sh": input/output error: unknown',
    "namespaces": f"{EXEC}executing setns process caused: exit status 1: unknown",
    "paused": "Container 0 is paused, unpause the container before exec",
    "another file": f'{RUNC}exec: "/usr/bin/tini": no such file or directory',
    "a mount": f'{RUNC}error mounting "/bin/sh" to rootfs: permission denied',
    "capabilities": f"{RUNC}unable to apply caps: operation not permitted",
    "a network": "network nowhere not found",
    "memory": "Minimum memory limit allowed is 6MB",
    "nothing": "",
}


@pytest.mark.parametrize("message", IMAGES.values(), ids=IMAGES)
def test_a_refusal_about_the_program_is_the_images_fault(message: str) -> None:
    assert reads_as_image_fault(message, "/bin/sh")
    assert reads_as_image_fault(message, "/bin/sh", as_shipped=True)
    assert not reads_as_image_fault(message, "/bin/bash"), "only of that program"


@pytest.mark.parametrize("message", HOSTS.values(), ids=HOSTS)
def test_a_refusal_about_anything_else_is_not(message: str) -> None:
    assert not reads_as_image_fault(message, "/bin/sh")
    assert not reads_as_image_fault(message, "/bin/sh", as_shipped=True)


@pytest.mark.parametrize(
    "message",
    [
        f'{RUNC}exec: "run.sh": executable file not found in $PATH: unknown',
        "unable to find user app: no matching entries in passwd file",
        "unable to find group app: no matching entries in group file",
        f'{RUNC}chdir to cwd ("/srv/app") set in config.json failed: not a directory',
    ],
)
def test_what_the_image_names_itself_counts_if_it_is_started_as_shipped(message: str) -> None:
    assert reads_as_image_fault(message, "run.sh", as_shipped=True)
    assert not reads_as_image_fault(message, "/bin/sh")


@pytest.mark.parametrize(
    ("trouble", "is_fault"),
    [(None, True), (LaunchRefused("it does not start"), False)],
    ids=["it starts others", "it starts nothing"],
)
def test_a_host_that_lets_no_program_run_is_not_the_images_fault(
    monkeypatch: pytest.MonkeyPatch, trouble: Exception | None, is_fault: bool
) -> None:
    """As one with SELinux, whose engine keeps its data where nothing has a label."""
    tried: list[object] = []

    def calibrate(engine: Engine) -> None:
        tried.append(engine)
        if trouble is not None:
            raise trouble

    monkeypatch.setattr(attribution, "calibrate", calibrate)
    engine = cast(Engine, object())
    assert is_image_fault(engine, IMAGES["not executable"], "/bin/sh") is is_fault
    assert tried == [engine]
    assert is_image_fault(engine, IMAGES["no shell"], "/bin/sh"), "no host takes a file away"
    assert not is_image_fault(engine, HOSTS["a shim's own shell"], "/bin/sh")
    assert len(tried) == 1, "nothing else is worth a container"


def test_an_engine_that_ends_meanwhile_is_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    def calibrate(_engine: Engine) -> None:
        raise EngineUnavailable("gone")

    monkeypatch.setattr(attribution, "calibrate", calibrate)
    with pytest.raises(EngineUnavailable):
        is_image_fault(cast(Engine, object()), IMAGES["not executable"], "/bin/sh")


# The end of a container

NOW = 1795260704.123456


@dataclass
class Api:
    """An engine whose clock is not ours, with the events that it remembers."""

    dialect: Dialect
    events: tuple[str, ...]
    base_url = "http+docker://engine"
    timeout = 5

    @property
    def client(self) -> SimpleNamespace:
        return SimpleNamespace(api=self)

    def info(self) -> dict[str, str]:
        return {"SystemTime": "2026-11-21T11:31:44.123456789Z"}

    def get(self, url: str, *, params: Mapping[str, Any], timeout: int) -> SimpleNamespace:
        assert (url, timeout) == (f"{self.base_url}/events", self.timeout)
        assert json.loads(params["filters"]) == {"container": ["mine"]}
        key, value = ("stream", "false") if self.dialect is PODMAN else ("until", NOW)
        assert (params["since"], params[key]) == (1, value), "it would wait for what is yet to come"
        text = "".join(f'{{"Action": "{each}"}}\n' for each in self.events)
        return SimpleNamespace(text=text, raise_for_status=lambda: None)


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attribution, "_LATE_SECONDS", 0)


@pytest.mark.parametrize("dialect", [DOCKER, PODMAN], ids=lambda each: each.name)
@pytest.mark.parametrize(
    ("events", "requested", "outside"),
    [
        (("start", "die"), False, False),
        (("start", "kill", "die"), False, True),
        (("start", "kill", "die"), True, False),
        (("start", "die"), True, False),
        (("start", "kill", "die", "start", "die"), False, False),
        (("start", "die", "start", "kill", "die"), False, True),
        (("kill", "die"), False, True),
        (("die",), False, False),
        ((), False, True),
        ((), True, True),
        (("start", "kill", "die", "start"), False, True),
    ],
)
def test_containers_ended_from_outside(
    events: tuple[str, ...], requested: bool, outside: bool, dialect: Dialect
) -> None:
    engine = cast(Engine, Api(dialect, events))
    assert ended_from_outside(engine, "mine", stop_requested=requested) is outside


@pytest.mark.parametrize(
    ("events", "expected"),
    [(("start", "oom"), True), (("start", "oom", "start"), False), (("start", "die"), False)],
)
def test_memory_that_ran_out_since_the_last_start(events: tuple[str, ...], expected: bool) -> None:
    assert memory_ran_out(cast(Engine, Api(DOCKER, events)), "mine") is expected


def test_an_engine_may_be_late_to_record_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api(PODMAN, ("start",))
    monkeypatch.setattr(attribution, "_LATE_SECONDS", 60)
    monkeypatch.setattr(time, "sleep", lambda _: setattr(api, "events", ("start", "die")))
    assert not ended_from_outside(cast(Engine, api), "mine", stop_requested=False)


def test_an_engine_that_reports_nothing_is_no_proof() -> None:
    class Silent(Api):
        def info(self) -> dict[str, str]:
            raise APIError("500 Server Error", explanation="no")

    with pytest.raises(EngineUnavailable, match="what happened to the container: no"):
        ended_from_outside(cast(Engine, Silent(DOCKER, ())), "mine", stop_requested=False)
