"""A candidate that boots, stops and boots again; and one that has ended."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from certify.engine.boot import wait_booted
from certify.engine.candidate import Candidate, CandidateStopped
from certify.engine.client import Engine
from certify.engine.launch import SHELL_RAN, Plan
from certify.engine.launcher import launched
from certify.engine.session import KILLED
from tests.conftest import SAMPLES
from tests.engine.waiting import eventually

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]

IDLE = Plan("idle", "default")
SYS_ADMIN, NET_ADMIN = 1 << 21, 1 << 12


@pytest.fixture
def idle(engine: Engine) -> Iterator[Candidate]:
    with launched(engine, f"{SAMPLES}/busybox", IDLE) as started:
        yield started.candidate


def said(candidate: Candidate, command: str) -> str:
    answer = candidate.shell().run(command)
    assert (answer.rc, answer.stderr) == (0, b""), answer
    return answer.stdout.decode()


def status(candidate: Candidate, name: str) -> str:
    """A line of the kernel's own words on PID 1."""
    lines = dict(
        line.split(":\t", 1) for line in said(candidate, "cat /proc/1/status").splitlines()
    )
    return lines[name].strip()


def writable(candidate: Candidate, folder: str, kind: str) -> set[bool]:
    """Whether what is mounted at and below a folder, of a kind, is mounted for writing."""
    mounts = [line.split() for line in said(candidate, "cat /proc/mounts").splitlines()]
    return {
        "rw" in options.split(",")
        for _, target, type_, options, *_ in mounts
        if f"{target}/".startswith(f"{folder}/") and type_.startswith(kind)
    }


# One that ends


def test_a_shell_that_waits_must_be_killed_and_that_is_told(idle: Candidate) -> None:
    stopped = idle.stop(timeout=0)
    assert (stopped.exit_code, stopped.killed) == (KILLED, True)
    assert not idle.state().running
    with pytest.raises(CandidateStopped, match="killed from outside"):
        idle.must_run()


def test_a_shell_of_a_candidate_that_ended_says_that_it_ended(idle: Candidate) -> None:
    assert said(idle, "echo up") == "up\n"
    idle.stop(timeout=0)
    with pytest.raises(CandidateStopped):
        idle.shell().run("echo up")


def test_a_command_that_ends_the_container_is_a_lost_shell(engine: Engine) -> None:
    with launched(engine, f"{SAMPLES}/busybox", IDLE) as started:
        candidate = started.candidate
        assert said(candidate, "echo up") == "up\n"
        engine.client.api.kill(candidate.id)
        assert candidate.shell().run("sleep 1000", timeout=30).shell_lost
        with pytest.raises(CandidateStopped):
            candidate.must_run()


def test_what_was_stopped_starts_again_with_new_shells(idle: Candidate) -> None:
    said(idle, "echo kept >/tmp/kept; echo lost >/run/certify/lost")
    idle.stop(timeout=0)
    idle.start()
    assert idle.state().running
    assert said(idle, "cat /tmp/kept; ls /run/certify/lost 2>/dev/null || echo gone") == (
        "kept\ngone\n"
    )


def test_the_log_is_read_from_its_end(idle: Candidate) -> None:
    eventually(lambda: SHELL_RAN in idle.logs())
    said(idle, "printf 'one\\ntwo\\377\\nthree\\n' >/proc/1/fd/1")
    eventually(lambda: "three" in idle.logs())
    assert idle.logs(2).splitlines() == ["two\ufffd", "three"]


def test_a_container_without_an_init_is_found_idle_at_once(idle: Candidate) -> None:
    boot = wait_booted(idle, install_seconds=60, boot_seconds=60)
    assert (boot.ready, boot.phase, boot.missing, boot.installed) == (False, "idle", (), None)
    assert set(boot.timeline) == {"launched"}


# One that boots


def test_systemd_boots_with_little_privilege_stops_cleanly_and_boots_again(
    engine: Engine, idle: Candidate
) -> None:
    isolation = engine.isolation("auto")
    plan = Plan("init", isolation, apparmor=engine.apparmor)
    with launched(engine, f"{SAMPLES}/debian-systemd", plan) as started:
        candidate = started.candidate
        assert candidate.has_events is engine.local
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
    plan = Plan("init", engine.isolation("auto"), apparmor=engine.apparmor)
    with launched(engine, f"{SAMPLES}/debian-systemd", plan) as started:
        if engine.local:
            assert started.candidate.notified(60)
            assert said(started.candidate, "systemctl is-system-running").strip() == "running"
        else:
            assert not started.candidate.has_events
