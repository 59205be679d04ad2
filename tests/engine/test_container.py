"""A candidate that boots, stops and boots again; and one that has ended."""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from certify.engine import container as candidates
from certify.engine.boot import wait_booted
from certify.engine.client import Engine
from certify.engine.container import Container
from certify.engine.container_state import ContainerStopped
from certify.engine.launch import launch_container
from certify.engine.launch_plan import SHELL_RAN, LaunchPlan
from certify.engine.session import KILLED, SessionLost
from certify.model.errors import EngineUnavailable, LaunchRefused, Trouble
from certify.model.terms import Fault
from tests.conftest import SAMPLES
from tests.support.waiting import eventually

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]

IDLE = LaunchPlan("idle", "default")
SYS_ADMIN, NET_ADMIN = 1 << 21, 1 << 12


@pytest.fixture
def idle(engine: Engine) -> Iterator[Container]:
    with launch_container(engine, f"{SAMPLES}/busybox", IDLE) as started:
        yield started.container


@pytest.fixture
def traps(idle: Container) -> Container:
    """One whose first process ends well if it is asked to."""
    program = 'trap "exit 0" TERM; trap "exit 3" INT; echo set; while :; do sleep 0.1; done'
    written = idle.shell().run(f"echo '{program}' >/proc/1/fd/0")
    assert written.rc == 0, written
    eventually(lambda: "set" in idle.logs().splitlines())
    return idle


def said(candidate: Container, command: str) -> str:
    answer = candidate.shell().run(command)
    assert (answer.rc, answer.stderr) == (0, b""), answer
    return answer.stdout.decode()


def status(candidate: Container, name: str) -> str:
    """A line of the kernel's own words on PID 1."""
    lines = dict(
        line.split(":\t", 1) for line in said(candidate, "cat /proc/1/status").splitlines()
    )
    return lines[name].strip()


def writable(candidate: Container, folder: str, kind: str) -> set[bool]:
    """Whether what is mounted at and below a folder, of a kind, is mounted for writing."""
    mounts = [line.split() for line in said(candidate, "cat /proc/mounts").splitlines()]
    return {
        "rw" in options.split(",")
        for _, target, type_, options, *_ in mounts
        if f"{target}/".startswith(f"{folder}/") and type_.startswith(kind)
    }


# One that ends


def test_a_paused_container_is_told_as_such(engine: Engine, idle: Container) -> None:
    idle.require_unpaused()
    engine.client.api.pause(idle.id)
    with pytest.raises(Trouble, match="Somebody paused the container") as raised:
        idle.require_unpaused()
    assert raised.value.fault is Fault.HOST
    engine.client.api.unpause(idle.id)
    idle.require_unpaused()


def test_a_waiting_shell_is_killed_and_reported_as_killed(idle: Container) -> None:
    stopped = idle.stop(timeout=0)
    assert (stopped.exit_code, stopped.killed) == (KILLED, True)
    assert not idle.state().running
    with pytest.raises(ContainerStopped, match="killed from outside"):
        idle.require_running()


def test_a_container_that_ends_by_itself(engine: Engine) -> None:
    with launch_container(engine, f"{SAMPLES}/debian", LaunchPlan("image", "default")) as started:
        candidate = started.container
        eventually(lambda: not candidate.state().running)
        assert not candidate.state().killed
        with pytest.raises(ContainerStopped, match="ended by itself with exit code 0"):
            candidate.require_running()
        with pytest.raises(ContainerStopped, match="ended by itself"):
            candidate.stop()  # what has ended does not stop in no time


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT", "SIGKILL"])
def test_a_container_that_somebody_stops_did_not_end_by_itself(
    engine: Engine, traps: Container, number: str
) -> None:
    """As `docker stop` does, with the signal that an image asks for."""
    engine.client.api.kill(traps.id, number)
    eventually(lambda: not traps.state().running)
    state = traps.state()
    assert state.killed
    assert state.exit_code == {"SIGTERM": 0, "SIGINT": 3, "SIGKILL": KILLED}[number]
    for ask in (traps.require_running, traps.stop):
        with pytest.raises(ContainerStopped, match="from outside"):
            ask()


def test_a_requested_stop_is_not_from_outside(traps: Container) -> None:
    assert not traps.stop(timeout=30).killed
    assert not traps.state().killed
    traps.start()
    assert said(traps, "echo 'sleep 0.3; exit 3' >/proc/1/fd/0; echo told") == "told\n"
    eventually(lambda: not traps.state().running)
    state = traps.state()
    assert (state.exit_code, state.killed) == (3, False), "what was asked before counts no more"


def test_a_container_killed_by_others_did_not_fail_to_stop(engine: Engine, idle: Container) -> None:
    killing = threading.Timer(0.3, engine.client.api.kill, [idle.id])
    killing.start()
    with pytest.raises(ContainerStopped, match="killed from outside"):
        idle.stop(timeout=30)
    killing.join()


def test_a_removed_container_cannot_be_queried(engine: Engine, idle: Container) -> None:
    engine.client.api.remove_container(idle.id, force=True)
    for ask in (idle.state, idle.require_running, idle.logs, idle.added_paths):
        with pytest.raises(EngineUnavailable, match="could not report"):
            ask()


def test_a_shell_of_an_ended_container_reports_the_end(idle: Container) -> None:
    assert said(idle, "echo up") == "up\n"
    idle.stop(timeout=0)
    with pytest.raises(ContainerStopped):
        idle.shell().run("echo up")


def test_a_command_that_ends_the_container_is_a_lost_shell(engine: Engine) -> None:
    with launch_container(engine, f"{SAMPLES}/busybox", IDLE) as started:
        candidate = started.container
        assert said(candidate, "echo up") == "up\n"
        engine.client.api.kill(candidate.id)
        with pytest.raises(SessionLost):
            candidate.shell().run("sleep 1000", timeout=30)
        with pytest.raises(ContainerStopped):
            candidate.require_running()


def test_a_stopped_container_starts_again_with_new_shells(idle: Container) -> None:
    said(idle, "echo kept >/tmp/kept; echo lost >/run/certify/lost")
    idle.stop(timeout=0)
    idle.start()
    assert idle.state().running
    assert said(idle, "cat /tmp/kept; ls /run/certify/lost 2>/dev/null || echo gone") == (
        "kept\ngone\n"
    )


def test_the_log_is_read_from_its_end(idle: Container) -> None:
    eventually(lambda: SHELL_RAN in idle.logs())
    said(idle, "printf 'one\\ntwo\\377\\nthree\\n' >/proc/1/fd/1")
    eventually(lambda: "three" in idle.logs())
    assert idle.logs(2).splitlines() == ["two\ufffd", "three"]


def test_a_container_without_an_init_is_found_idle_at_once(idle: Container) -> None:
    boot = wait_booted(idle, install_seconds=60, boot_seconds=60)
    assert (boot.ready, boot.phase, boot.missing, boot.installed) == (False, "idle", (), None)
    assert set(boot.timeline) == {"launched"}


# A shell beside what runs


def shell_that(candidate: Container, does: str) -> None:
    """Put a program in the place of its shell."""
    said(candidate, f"printf '{does}' >/sh; chmod 755 /sh; rm /bin/sh; mv /sh /bin/sh")


def test_a_shell_that_runs_is_no_refusal(idle: Container) -> None:
    assert idle.shell_refusal() == ""


@pytest.mark.parametrize(
    ("does", "refusal"),
    [
        ("#!/bin/busybox sh\\nexit 7\\n", "exit code 7"),
        ("#!/bin/busybox sh\\necho mine\\nexit 126\\n", "mine"),
        ("#!/bin/nothing\\n", "no such file or directory"),
    ],
)
def test_a_failing_shell_is_the_images_fault(idle: Container, does: str, refusal: str) -> None:
    shell_that(idle, does)
    assert refusal in idle.shell_refusal()


def test_an_image_without_a_shell(idle: Container) -> None:
    said(idle, "rm /bin/sh")
    assert 'exec: "/bin/sh": stat /bin/sh: no such file' in idle.shell_refusal()


def test_a_shell_that_may_not_be_executed(idle: Container) -> None:
    said(idle, "rm /bin/sh; : >/bin/sh")
    assert "permission denied" in idle.shell_refusal()


@pytest.mark.parametrize("does", ["while :; do echo flood; done", "sleep 1000"])
def test_a_shell_that_does_not_end_is_given_up(
    idle: Container, monkeypatch: pytest.MonkeyPatch, does: str
) -> None:
    monkeypatch.setattr(candidates, "_EXEC_SECONDS", 1.0)
    shell_that(idle, f"#!/bin/busybox sh\\n{does}\\n")
    with pytest.raises(SessionLost, match="/bin/sh does not end"):
        idle.shell_refusal()


def test_a_paused_container_is_not_the_images_fault(engine: Engine, idle: Container) -> None:
    engine.client.api.pause(idle.id)
    with pytest.raises(LaunchRefused, match=r"to start a shell in the container.*is paused"):
        idle.shell_refusal()
    engine.client.api.unpause(idle.id)


# One that boots


def test_systemd_boots_with_little_privilege_stops_cleanly_and_boots_again(
    engine: Engine, idle: Container
) -> None:
    isolation = engine.resolve_isolation().level
    plan = LaunchPlan("init", isolation, apparmor=engine.apparmor)
    with launch_container(engine, f"{SAMPLES}/debian-systemd", plan) as started:
        candidate = started.container
        assert candidate.has_notifications is engine.local
        boot = wait_booted(candidate, install_seconds=60, boot_seconds=60)
        assert (boot.ready, boot.phase, boot.missing, boot.installed) == (True, "booting", (), None)
        assert said(candidate, "cat /proc/1/comm") == "systemd\n"
        if isolation == "caps":
            usual = int(status(idle, "CapEff"), 16)
            assert int(status(candidate, "CapEff"), 16) == usual | SYS_ADMIN | NET_ADMIN
            assert status(candidate, "Seccomp") == "2", "a filter"
            assert writable(candidate, "/sys/fs/cgroup", "cgroup") == {True}
            assert writable(candidate, "/proc/sys/net", "proc") == {True}
            assert writable(candidate, "/proc/sys", "proc") == {True, False}, "the rest is not"
            assert writable(idle, "/sys/fs/cgroup", "cgroup") == {False}
            assert writable(idle, "/proc/sys", "proc") == {False}

        stopped = candidate.stop()
        assert stopped.exit_code in (0, 130)
        assert not stopped.killed

        if started.notify is not None:
            (folder,) = Path(tempfile.gettempdir()).glob(f"{started.name}-*")
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stale:
                stale.sendto(b"READY=1", str(folder / "socket"))
        candidate.start()
        again = wait_booted(candidate, install_seconds=60, boot_seconds=60)
        assert again.ready
        assert again.timeline["launched"] > boot.timeline["launched"]
        assert said(candidate, "systemctl is-system-running").strip() == "running"


def test_the_end_of_the_boot_arrives_as_an_event(engine: Engine) -> None:
    plan = LaunchPlan("init", engine.resolve_isolation().level, apparmor=engine.apparmor)
    with launch_container(engine, f"{SAMPLES}/debian-systemd", plan) as started:
        if engine.local:
            assert started.container.wait_notified(60)
            assert said(started.container, "systemctl is-system-running").strip() == "running"
        else:
            assert not started.container.has_notifications
