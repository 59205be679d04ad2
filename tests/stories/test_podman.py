"""Podman in Docker's place, by the socket that speaks Docker's API."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from certify.engine.client import Engine
from certify.engine.container import Container
from certify.engine.container_state import ContainerStopped
from certify.engine.launch import launch_container
from certify.engine.launch_plan import LaunchPlan
from certify.engine.session import KILLED
from certify.model.terms import Outcome, Status
from tests.conftest import SAMPLES, Certify
from tests.support.private_podman import PrivatePodman, private_podman
from tests.support.waiting import eventually

pytestmark = pytest.mark.engine

BUSYBOX = f"{SAMPLES}/busybox"
SCRATCH = f"{SAMPLES}/scratch"


@pytest.fixture(scope="module")
def podman() -> Iterator[PrivatePodman]:
    """A Podman with two small samples."""
    with private_podman() as found:
        for image in (BUSYBOX, SCRATCH):
            found.load(image)
        yield found


@pytest.fixture
def on_podman(podman: PrivatePodman, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """Podman as the engine, on which a test leaves nothing."""
    before = podman.objects()
    monkeypatch.setenv("DOCKER_HOST", podman.address)
    with Engine.connect() as engine:
        yield engine
    assert podman.objects() == before


@pytest.mark.slow
def test_doctor_names_podman(on_podman: Engine, certify: Certify) -> None:
    ended = certify("doctor", "--format", "json", "--registry", "127.0.0.1")
    signs = {each["name"]: each for each in ended.json()["checks"]}
    version = on_podman.host().engine_version
    assert signs["engine"]["text"].startswith(f"Podman {version} answers")
    for name in ("isolation.default", "isolation.caps"):
        assert signs[name]["status"] == "ok", signs[name]
    assert ended.code == 0


@pytest.mark.slow
def test_verdicts_are_those_of_docker(
    on_podman: Engine, certify: Certify, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ("run", "--pull", "never", "--profile", "plain", "--format", "json", BUSYBOX, SCRATCH)
    there = certify(*run).results
    monkeypatch.delenv("DOCKER_HOST")
    here = certify(*run).results
    for ours, theirs in zip(here, there, strict=True):
        assert ours.host
        assert theirs.host
        assert (ours.host.engine, theirs.host.engine) == ("docker", "podman")
        assert theirs.launch.reproduce.startswith("podman run ")
        assert [(each.id, each.outcome) for each in ours.checks] == [
            (each.id, each.outcome) for each in theirs.checks
        ]
        assert ours.verdict.status is theirs.verdict.status is Status.REJECTED


@pytest.mark.slow
@pytest.mark.usefixtures("on_podman")
def test_a_sweep_certifies_what_podman_holds(certify: Certify, tmp_path: Path) -> None:
    (tmp_path / "images.txt").write_text(f"{BUSYBOX} profile=plain\n{SCRATCH} profile=plain\n")
    swept = certify("sweep", "images.txt", "--pull", "never", "--jobs", "2")
    assert "2 rejected" in swept.out, swept.out + swept.err


def test_an_init_gets_its_rights(on_podman: Engine) -> None:
    """What the image lacks of an init does not matter: its shell stays."""
    with launch_container(on_podman, BUSYBOX, LaunchPlan("init", "caps")) as started:
        shell = started.container.shell()
        said = shell.run("cat /proc/self/status; cat /sys/fs/cgroup/devices/devices.list").stdout
        assert b"CapEff:\t00000000a82435fb" in said, "Docker's default, and two more"
        assert b"Seccomp:\t2" in said
        if on_podman.host().cgroup_version == "1":
            assert b"c 10:200 rwm" in said


@contextlib.contextmanager
def told(engine: Engine, program: str) -> Iterator[Container]:
    """A container whose PID 1 runs a line of shell."""
    with launch_container(engine, BUSYBOX, LaunchPlan("idle", "default")) as started:
        line = shlex.quote(program)
        assert started.container.shell().run(f"echo {line} >/proc/1/fd/0; echo told").rc == 0
        yield started.container


def test_a_stop_by_others_is_told_from_our_own_and_from_an_end(on_podman: Engine) -> None:
    traps = "trap 'exit 3' TERM; while :; do sleep 0.1; done"
    with told(on_podman, traps) as candidate:
        on_podman.client.api.stop(candidate.id)
        assert (candidate.state().killed, candidate.state().exit_code) == (True, KILLED)
        with pytest.raises(ContainerStopped, match="killed from outside"):
            candidate.require_running()
    with told(on_podman, traps) as candidate:
        stopped = candidate.stop(timeout=30)
        assert (stopped.exit_code, stopped.killed) == (3, False)
        assert not candidate.state().killed
    with told(on_podman, "sleep 0.5; exit 4") as candidate:
        eventually(lambda: not candidate.state().running)
        assert (candidate.state().killed, candidate.state().exit_code) == (False, 4)
    with told(on_podman, traps) as candidate:
        on_podman.client.api.kill(candidate.id, "TERM")
        eventually(lambda: not candidate.state().running)
        assert (candidate.state().killed, candidate.state().exit_code) == (True, 3)


@pytest.mark.usefixtures("on_podman")
def test_an_image_without_a_shell_is_judged_by_its_files(certify: Certify) -> None:
    """crun has words of its own for a program that is not there."""
    ended = certify("run", "--pull", "never", "--profile", "plain", "--format", "json", SCRATCH)
    result = ended.result
    assert result.verdict.status is Status.REJECTED
    assert [each.id for each in result.checks if each.outcome is Outcome.FAILED] == ["image.os"]
    assert result.host
    assert result.host.engine == "podman"
    assert result.launch.reproduce.startswith("podman run ")
