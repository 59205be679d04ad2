"""Waiting for a boot without booting: events, phases, deadlines, and a container that ends."""

from __future__ import annotations

import itertools
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from certify.engine import boot as boot_module
from certify.engine.boot import Boot, seconds_since_init, wait_booted
from certify.engine.client import Engine
from certify.engine.container import Container
from certify.engine.container_state import ContainerStopped
from certify.engine.session import CommandLost, SessionLost, Shell, ShellResult


class Api:
    """The engine's side of one container."""

    def __init__(self, *, running: bool = True, **state: object) -> None:
        self.state = {"Running": running, **state}
        self.started = 0

    def inspect_container(self, _container: str) -> dict[str, Any]:
        return {"State": self.state}

    def start(self, _container: str) -> None:
        self.started += 1


def candidate_with(
    api: Api, shell: object = None, notify: socket.socket | None = None
) -> Container:
    engine = cast(Engine, SimpleNamespace(client=SimpleNamespace(api=api)))
    candidate = Container(engine, "container", notify)
    candidate._shells[""] = cast(Shell, shell)
    return candidate


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Our end, as a launch makes it, and the init's."""
    ours, inits = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.setblocking(False)
    with ours, inits:
        yield ours, inits


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("UserspaceTimestampMonotonic=1000000\nFinishTimestampMonotonic=3500000\n", 2.5),
        ("UserspaceTimestampMonotonic=1000000\nFinishTimestampMonotonic=0\n", None),
        ("UserspaceTimestampMonotonic=1000000\nFinishTimestampMonotonic=\n", None),
        ("FinishTimestampMonotonic=3500000\n", None),
        ("Failed to connect to bus\n", None),
        ("", None),
    ],
)
def test_the_time_since_systemds_start_needs_both_timestamps(
    said: str, seconds: float | None
) -> None:
    assert seconds_since_init(lambda _command: said, "FinishTimestampMonotonic") == seconds


def test_a_units_timestamp_is_that_of_the_unit() -> None:
    asked: list[str] = []

    def run(command: str) -> str:
        asked.append(command)
        return ""

    seconds_since_init(run, "ActiveEnter", "docker.service")
    assert asked == [
        "systemctl show --property=UserspaceTimestampMonotonic; "
        "systemctl show --property=ActiveEnter docker.service"
    ]


# Events


@pytest.mark.parametrize(
    ("messages", "ready"),
    [
        ([b"READY=1"], True),
        ([b"STATUS=up\nREADY=1\nX=2"], True),
        ([b"STATUS=...", b"WATCHDOG=1", b"READY=1"], True),
        ([], False),
        ([b"READY=0", b"STATUS=READY=1 soon", b"NOT_READY=1"], False),
    ],
)
def test_only_readiness_is_an_event(
    pair: tuple[socket.socket, socket.socket], messages: list[bytes], ready: bool
) -> None:
    ours, inits = pair
    for message in messages:
        inits.send(message)
    assert candidate_with(Api(), notify=ours).wait_notified(0.05) is ready


def test_an_event_counts_once(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, inits = pair
    candidate = candidate_with(Api(), notify=ours)
    inits.send(b"READY=1")
    assert candidate.wait_notified(0.05)
    assert not candidate.wait_notified(0.05)


def test_what_an_earlier_boot_sent_is_dropped_at_the_next_start(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, inits = pair
    api = Api()
    candidate = candidate_with(api, notify=ours)
    for _ in range(3):
        inits.send(b"READY=1")
    candidate.start()
    assert api.started == 1
    assert not candidate.wait_notified(0.05)
    inits.send(b"READY=1")
    assert candidate.wait_notified(0.05)


def test_without_a_socket_there_are_no_events() -> None:
    candidate = candidate_with(Api())
    assert not candidate.has_notifications
    assert not candidate.wait_notified(0)
    candidate.start()


# The wait


class Script:
    """A shell that gives one answer after the other, and the last for ever; then the records."""

    RECORDS = (
        b"= missing\n systemd sudo\n= installed\n0\n= timeline\n"
        b"launched 10.5\ninstalling 11.00\ninstalled 24.25\nodd\nodd moment\n"
    )

    def __init__(
        self, *phases: str | Exception | None, records: bytes | Exception = RECORDS, code: int = 0
    ) -> None:
        self.phases = list(phases)
        self.records = records
        self.code = code
        self.asked = 0

    def run(self, command: str, **_options: object) -> ShellResult:
        if "timeline" in command:
            if isinstance(self.records, Exception):
                raise self.records
            return ShellResult(command, self.code, self.records, b"", 0)
        self.asked += 1
        said = self.phases.pop(0) if len(self.phases) > 1 else self.phases[0]
        if isinstance(said, Exception):
            raise said
        if said is None:
            raise CommandLost(ShellResult(command, 137, b"", b"", 0, shell_lost=True))
        shown = said.replace("\n", "\nFinishTimestampMonotonic=")
        return ShellResult(command, 0, shown.encode(), b"", 0)


class Patient(Container):
    """A candidate in whose time nothing is waited for."""

    def wait_notified(self, seconds: float) -> bool:
        return False


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the clock takes a second."""
    ticks = itertools.count(100.0)
    monkeypatch.setattr(boot_module, "time", SimpleNamespace(monotonic=lambda: next(ticks)))


def wait(
    script: Script,
    api: Api | None = None,
    *,
    install: float = 20,
    boot: float = 10,
    pace: float = 1,
) -> Boot:
    candidate = candidate_with(api or Api(), script)
    candidate.pace = pace
    candidate.__class__ = Patient
    return wait_booted(candidate, install_seconds=install, boot_seconds=boot)


def test_the_event_alone_ends_the_wait(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, inits = pair
    inits.send(b"READY=1")
    script = Script("booting\n0")
    boot = wait_booted(candidate_with(Api(), script, ours), install_seconds=1000, boot_seconds=1000)
    assert (boot.ready, boot.phase, script.asked) == (True, "booting", 1)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("phases", "ready", "phase"),
    [
        (["launching", "installing", "booting\n0", "booting\n812345"], True, "booting"),
        (["booting\n1"], True, "booting"),
        (["booting\n0"], False, "booting"),
        (["booting\nrunning"], False, "booting"),
        (["booting\n"], False, "booting"),
        (["idle"], False, "idle"),
        (["installing", "idle"], False, "idle"),
        (["foreign"], False, "foreign"),
        (["foreign", "foreign", "booting\n812345"], True, "booting"),
        ([""], False, "launching"),
        ([SessionLost("not yet"), None, "booting\n812345"], True, "booting"),
        ([SessionLost("never")], False, "launching"),
    ],
)
def test_results_of_the_wait(phases: list[str | Exception | None], ready: bool, phase: str) -> None:
    boot = wait(Script(*phases))
    assert (boot.ready, boot.phase) == (ready, phase)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("phase", "seconds"), [("installing", 20), ("booting", 10), ("launching", 10), ("foreign", 5)]
)
def test_each_phase_has_a_deadline_of_its_own(phase: str, seconds: int) -> None:
    script = Script(phase)
    wait(script)
    assert script.asked == seconds + 2, "the first look starts the phase, the last is too late"


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("phase", ["installing", "booting", "launching", "foreign"])
def test_on_a_slow_host_each_deadline_is_later(phase: str) -> None:
    usual, slow = Script(phase), Script(phase)
    boots = wait(usual), wait(slow, pace=3)
    assert slow.asked - 2 == 3 * (usual.asked - 2)
    assert boots[1].timed_out_after == 3 * (boots[0].timed_out_after or 0)


@pytest.mark.usefixtures("clock")
def test_a_phase_does_not_use_up_the_time_of_the_next() -> None:
    script = Script(*["installing"] * 15, *["booting"] * 5, "booting\n812345")
    assert wait(script).ready


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("phases", [[None], [SessionLost("gone")]])
def test_a_container_that_ends_ends_the_wait(phases: list[str | Exception | None]) -> None:
    with pytest.raises(ContainerStopped, match="ended by itself with exit code 7"):
        wait(Script(*phases), Api(running=False, ExitCode=7))


@pytest.mark.usefixtures("clock")
def test_a_container_that_ran_out_of_memory() -> None:
    with pytest.raises(ContainerStopped, match="ran out of the memory"):
        wait(Script(None), Api(running=False, ExitCode=137, OOMKilled=True))


# What the launch left on record


def test_records_of_a_launch() -> None:
    boot = wait(Script("idle"))
    assert boot.missing == ("systemd", "sudo")
    assert boot.installed == 0
    assert boot.timeline == {"launched": 10.5, "installing": 11.0, "installed": 24.25}
    assert boot.provision_seconds == 13.25


@pytest.mark.parametrize(
    ("records", "missing", "installed", "seconds"),
    [
        (b"", (), None, None),
        (b"= missing\n= installed\n= timeline\n", (), None, None),
        (b"= missing\n\n= timeline\nlaunched 1.0\n", (), None, None),
        (b"= missing\n sudo\n= installed\n100\n= timeline\ninstalling 1\ninstalled 2\n",
         ("sudo",), 100, 1.0),
        (b"= missing\n sudo\n= installed\n\xff\n= timeline\ninstalling 1\n", ("sudo",), None, None),
    ],
)  # fmt: skip
def test_incomplete_records(
    records: bytes, missing: tuple[str, ...], installed: int | None, seconds: float | None
) -> None:
    boot = wait(Script("idle", records=records))
    assert (boot.missing, boot.installed, boot.provision_seconds) == (missing, installed, seconds)


@pytest.mark.parametrize(
    "lost",
    [
        {"records": CommandLost(ShellResult("x", 137, b"", b"", 0, shell_lost=True))},
        {"records": b"= missing\n", "code": 137},
        {"records": b"", "code": 2},
    ],
    ids=["lost", "killed", "not there"],
)
def test_lost_records_are_an_error(lost: dict[str, Any]) -> None:
    with pytest.raises(SessionLost):
        wait(Script("booting\n1", **lost))


# Which init it is


@pytest.mark.parametrize(
    ("name", "executable", "phase"),
    [
        ("systemd", "/usr/lib/systemd/systemd", "booting"),
        ("systemd", "/nix/store/0abc-systemd-255/lib/systemd/systemd", "booting"),
        ("systemd", "/usr/bin/python3.11", "foreign"),
        ("init", "/usr/lib/systemd/systemd", "foreign"),
        ("init", "/usr/sbin/openrc-init", "foreign"),
        ("sh", "/usr/bin/dash", "foreign"),
    ],
)
def test_systemd_is_recognised_by_name_and_executable(
    tmp_path: Path, name: str, executable: str, phase: str
) -> None:
    (tmp_path / "comm").write_text(f"{name}\n")
    (tmp_path / "exe").symlink_to(executable)
    script = boot_module._FOREIGN.replace("/proc/1", str(tmp_path))
    told = subprocess.run(
        ["sh", "-c", f"p=booting; {script}; echo $p"], capture_output=True, text=True, check=True
    )
    assert told.stdout == f"{phase}\n"
