"""Commands, shells and containers that ended from outside never fail an image."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from certify.engine.boot import Boot
from certify.engine.container_state import ContainerState, ContainerStopped
from certify.engine.session import KILLED, CommandLost, SessionLost, ShellResult
from certify.model.errors import EngineUnavailable, Trouble
from certify.model.finding import Claim
from certify.model.terms import Fault, Outcome
from certify.suite import outcomes
from certify.suite.candidate import Candidate
from certify.suite.claims import Spec
from certify.suite.host import Transcript
from certify.suite.outcomes import Outcomes


class Container:
    """A container and its candidate; its shell counts the kills for lack of memory."""

    def __init__(self) -> None:
        self.job = SimpleNamespace(launch="init", liveness_check="systemd.pid1", start_error="")
        self.container = self
        self.transcript: Transcript = []
        self.running = True
        self.ended_from_outside = False
        self.stopped: object | None = None
        """How it stopped, when certify asked it to."""
        self.oom_kills: bytes | Exception = b"0\n"
        self.engine_saw_oom: bool | Trouble = False
        self.log: str | Exception = ""
        self.console: str | Exception = ""

    def state(self) -> ContainerState:
        stopped = self.ended_from_outside
        return ContainerState(running=self.running, exit_code=0, oom_killed=False, stopped=stopped)

    def require_running(self) -> None:
        if not self.running:
            raise ContainerStopped("it ended")

    def ran_out_of_memory(self) -> bool:
        if isinstance(self.engine_saw_oom, Trouble):
            raise self.engine_saw_oom
        return self.engine_saw_oom

    def shell(self) -> Container:
        return self

    def run(self, command: str, **_options: object) -> ShellResult:
        if isinstance(self.oom_kills, Exception):
            raise self.oom_kills
        return ShellResult(command, 0, self.oom_kills, b"", 0.1)

    def logs(self, tail: int = 60) -> str:
        if isinstance(self.log, Exception):
            raise self.log
        return self.log

    def console_output(self) -> str:
        if isinstance(self.console, Exception):
            raise self.console
        return self.console


@pytest.fixture
def candidate() -> Container:
    return Container()


def a_spec(check_id: str, provides: str | None = None) -> Spec:
    claim = Claim(id=check_id, title="t", claim="It is so.", why="w", how="h", remedy="r")
    return Spec(claim, provides)


def classify_end(
    candidate: Container,
    error: BaseException,
    *answers: ShellResult,
    check: str = "packages.install",
    provides: str | None = None,
) -> tuple[Outcome, Fault | None, str]:
    candidate.transcript = list(answers)
    classified = Outcomes(cast(Candidate, candidate)).classify(
        a_spec(check, provides), error, note="", is_alive=True
    )
    return classified.outcome, classified.fault, classified.message


def ends(code: int, said: str = "", **how: Any) -> ShellResult:
    return ShellResult("apt-get install ed", code, said.encode(), b"", 1.0, **how)


NOT_SO = AssertionError("ed could not be installed")
LOST = ends(KILLED, shell_lost=True)


def test_a_command_that_fails_is_the_images_failure(candidate: Container) -> None:
    assert classify_end(candidate, NOT_SO, ends(100)) == (
        Outcome.FAILED, Fault.IMAGE, "ed could not be installed",
    )  # fmt: skip


@pytest.mark.parametrize("before", [(), (ends(0),), (ends(1), ends(0))], ids=len)
@pytest.mark.parametrize("answer", [ends(KILLED, "Killed"), LOST], ids=["killed", "lost"])
def test_a_killed_command_leaves_the_check_unknown(
    candidate: Container, answer: ShellResult, before: tuple[ShellResult, ...]
) -> None:
    outcome, fault, message = classify_end(candidate, NOT_SO, answer, *before)
    assert (outcome, fault) == (Outcome.UNKNOWN, Fault.HOST)
    assert message == "ed could not be installed: a command was killed before it ended by itself"


def test_a_command_that_certify_killed_did_not_end_in_time(candidate: Container) -> None:
    late = ends(KILLED, timed_out=True)
    assert classify_end(candidate, NOT_SO, late)[:2] == (Outcome.FAILED, Fault.IMAGE)


@pytest.mark.parametrize("code", [KILLED, 100, 1], ids=["itself", "its child", "who it relies on"])
def test_a_kill_for_lack_of_memory_is_the_launchs_fault(candidate: Container, code: int) -> None:
    candidate.oom_kills = b"0\n2\n"
    outcome, fault, message = classify_end(candidate, NOT_SO, ends(code))
    assert (outcome, fault) == (Outcome.UNKNOWN, Fault.LAUNCH)
    assert "memory" in message


def test_the_remedy_for_a_lack_of_memory_is_more_of_it(candidate: Container) -> None:
    candidate.oom_kills, candidate.transcript = b"1\n", []
    for error in (NOT_SO, SessionLost("no shell")):
        outcomes = Outcomes(cast(Candidate, candidate))
        told = outcomes.classify(a_spec("packages.install"), error, note="", is_alive=True)
        assert "--memory" in told.remedy


UNCOUNTED = [b"", b"\n", b"0\n0\n", b"many\n", SessionLost("no shell")]


@pytest.mark.parametrize("said", UNCOUNTED)
@pytest.mark.parametrize("seen", [False, EngineUnavailable("gone")])
def test_a_failure_stays_without_a_count_of_kills(
    candidate: Container, said: bytes | Exception, seen: bool | Trouble
) -> None:
    candidate.oom_kills, candidate.engine_saw_oom = said, seen
    assert classify_end(candidate, NOT_SO, ends(1))[0] is Outcome.FAILED


@pytest.mark.parametrize("said", UNCOUNTED)
def test_the_engine_saw_a_kill_that_no_counter_shows(
    candidate: Container, said: bytes | Exception
) -> None:
    candidate.oom_kills, candidate.engine_saw_oom = said, True
    assert classify_end(candidate, NOT_SO, ends(1))[:2] == (Outcome.UNKNOWN, Fault.LAUNCH)


def test_a_failure_after_somebody_stopped_the_container_is_unknown(
    candidate: Container,
) -> None:
    candidate.running, candidate.ended_from_outside = False, True
    anchor = "systemd.pid1"
    assert classify_end(candidate, NOT_SO, check=anchor)[:2] == (Outcome.UNKNOWN, Fault.HOST)
    candidate.stopped = "in 30 s, when certify asked"
    assert classify_end(candidate, NOT_SO, check=anchor)[:2] == (Outcome.FAILED, Fault.IMAGE)


def test_no_command_runs_in_a_stopped_container(candidate: Container) -> None:
    candidate.running = False
    candidate.oom_kills = ContainerStopped("it ended")
    outcome = classify_end(candidate, AssertionError("too slow"), check="systemd.shutdown")[0]
    assert outcome is Outcome.FAILED


def test_kills_are_counted_under_both_versions_of_cgroups(tmp_path: Path) -> None:
    script = outcomes._OOM_KILLS.replace("/sys/fs/cgroup", str(tmp_path))

    def counted() -> list[str]:
        ran = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
        assert ran.stderr == ""
        return ran.stdout.split()

    assert counted() == []
    second, first = tmp_path / "memory.events", tmp_path / "memory" / "memory.oom_control"
    second.write_text("low 0\noom 4\noom_kill 3\noom_group_kill 0\n")
    assert counted() == ["3"]
    second.unlink()
    first.parent.mkdir()
    first.write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 7\n")
    assert counted() == ["7"]


@pytest.mark.parametrize(
    ("error", "fault"),
    [(CommandLost(LOST), Fault.HOST), (SessionLost("no shell answers"), Fault.TOOL)],
    ids=["in a command", "none to be had"],
)
def test_a_lost_shell_leaves_the_check_unknown(
    candidate: Container, error: SessionLost, fault: Fault
) -> None:
    outcome, whose, message = classify_end(candidate, error)
    assert (outcome, whose) == (Outcome.UNKNOWN, fault)
    assert message.startswith("the shell was lost: ")


def test_a_shell_lost_with_its_container_is_the_end_of_the_container(
    candidate: Container,
) -> None:
    candidate.running = False
    candidate.log = "panic"
    installed(candidate, 0)
    for error, answers in ((CommandLost(LOST), ()), (NOT_SO, (LOST,))):
        classified = classify_end(candidate, error, *answers, check="systemd.units")
        assert classified == (Outcome.FAILED, Fault.IMAGE, "it ended")


# What was installed at launch

MIRROR = "E: Failed to fetch http://deb.debian.org/x.deb  503  Service Unavailable"


def installed(candidate: Container, code: int) -> None:
    vars(candidate)["boot"] = Boot(
        ready=True, phase="booting", missing=("sudo",), installed=code, timeline={}
    )


def test_a_sick_mirror_at_launch_is_the_networks_fault(candidate: Container) -> None:
    installed(candidate, 100)
    error = AssertionError(f"installing sudo at launch failed\n{MIRROR}")
    classified = classify_end(candidate, error, check="startup.provision")
    assert classified[:2] == (Outcome.UNKNOWN, Fault.NETWORK)


@pytest.mark.parametrize(
    ("provides", "outcome"), [("sudo", Outcome.UNKNOWN), (None, Outcome.FAILED)]
)
def test_a_sick_mirror_at_launch_excuses_checks_of_missing_capabilities(
    candidate: Container, provides: str | None, outcome: Outcome
) -> None:
    installed(candidate, 100)
    log = ShellResult("log of the container", 100, MIRROR.encode(), b"", 0)
    error = pytest.fail.Exception("the image ships no sudo")
    classified = classify_end(candidate, error, log, check="workspace.sudo", provides=provides)
    assert classified[0] is outcome


@pytest.mark.parametrize("code", [0, 100, KILLED])
def test_a_killed_installation_at_launch_leaves_the_check_unknown(
    candidate: Container, code: int
) -> None:
    installed(candidate, code)
    error = AssertionError("installing sudo at launch failed\nUnpacking sudo")
    outcome = classify_end(candidate, error, check="startup.provision")[0]
    assert (outcome is Outcome.UNKNOWN) == (code == KILLED)


# Why a container ended


@pytest.mark.parametrize("what", ["log", "console"])
def test_an_end_that_the_engine_does_not_explain_is_unknown(
    candidate: Container, what: str
) -> None:
    setattr(candidate, what, EngineUnavailable("The container engine does not tell"))
    classified = classify_end(candidate, ContainerStopped("it ended"), check="systemd.pid1")
    assert classified == (Outcome.UNKNOWN, Fault.HOST, "The container engine does not tell")
