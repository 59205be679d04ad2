"""What an engine's refusal to start something means, and when the image is to blame for it."""

from __future__ import annotations

from typing import cast

import pytest

from certify.engine import refusal_control
from certify.engine.attribution import is_the_images, refusal
from certify.engine.client import Engine
from certify.engine.refusal_control import blames_image
from certify.model.errors import EngineUnavailable, LaunchRefused
from certify.model.terms import Fault

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


@pytest.mark.parametrize("said", IMAGES.values(), ids=IMAGES)
def test_what_the_runtime_says_of_the_program_is_the_images(said: str) -> None:
    assert is_the_images(said, "/bin/sh")
    assert is_the_images(said, "/bin/sh", as_shipped=True)
    assert not is_the_images(said, "/bin/bash"), "only of that program"


@pytest.mark.parametrize("said", HOSTS.values(), ids=HOSTS)
def test_what_is_said_of_anything_else_is_not(said: str) -> None:
    assert not is_the_images(said, "/bin/sh")
    assert not is_the_images(said, "/bin/sh", as_shipped=True)


@pytest.mark.parametrize(
    "said",
    [
        f'{RUNC}exec: "run.sh": executable file not found in $PATH: unknown',
        "unable to find user app: no matching entries in passwd file",
        "unable to find group app: no matching entries in group file",
        f'{RUNC}chdir to cwd ("/srv/app") set in config.json failed: not a directory',
    ],
)
def test_what_the_image_itself_names_counts_where_it_is_started_as_shipped(said: str) -> None:
    assert is_the_images(said, "run.sh", as_shipped=True)
    assert not is_the_images(said, "/bin/sh")


@pytest.mark.parametrize(
    ("trouble", "blamed"),
    [(None, True), (LaunchRefused("it does not start"), False)],
    ids=["it starts others", "it starts nothing"],
)
def test_a_host_that_lets_no_program_run_is_not_the_images_fault(
    monkeypatch: pytest.MonkeyPatch, trouble: Exception | None, blamed: bool
) -> None:
    """As one with SELinux, whose engine keeps its data where nothing has a label."""
    tried: list[object] = []

    def calibrate(engine: Engine) -> None:
        tried.append(engine)
        if trouble is not None:
            raise trouble

    monkeypatch.setattr(refusal_control, "calibrate", calibrate)
    engine = cast(Engine, object())
    assert blames_image(engine, IMAGES["not executable"], "/bin/sh") is blamed
    assert tried == [engine]
    assert blames_image(engine, IMAGES["no shell"], "/bin/sh"), "no host takes a file away"
    assert not blames_image(engine, HOSTS["a shim's own shell"], "/bin/sh")
    assert len(tried) == 1, "nothing else is worth a container"


def test_an_engine_that_ends_meanwhile_blames_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def calibrate(_engine: Engine) -> None:
        raise EngineUnavailable("gone")

    monkeypatch.setattr(refusal_control, "calibrate", calibrate)
    with pytest.raises(EngineUnavailable):
        blames_image(cast(Engine, object()), IMAGES["not executable"], "/bin/sh")


@pytest.mark.parametrize(
    "said", ["unable to apply caps: operation not permitted", "network nowhere not found", "?", ""]
)
def test_a_refusal_is_never_the_images_fault(said: str) -> None:
    refused = refusal(said)
    assert refused.fault is not Fault.IMAGE
    assert refused.evidence == said
    assert refused.remedy
    assert "\n" not in refused.message


def test_capabilities_that_the_host_lacks_are_the_hosts_fault() -> None:
    refused = refusal("runc create failed: unable to apply caps: operation not permitted: unknown")
    assert refused.fault is Fault.HOST


def test_a_refusal_of_many_lines_is_told_in_one() -> None:
    assert refusal("\n\nfirst line\nsecond line").message.endswith(": first line")
