"""Lanes in real runs of pytest over a fake candidate: each lane is a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from threading import Thread
from types import SimpleNamespace
from typing import Any, cast

import pytest

from certify.engine.boot import Boot
from certify.engine.container_state import ContainerState
from certify.suite.candidate import Candidate
from certify.suite.channel import Channel
from certify.suite.plugin import CONDUCTOR
from certify.suite.worker import StreamingConductor
from tests.suite.test_conductor import ARGUMENTS, HEAD, FakeCandidate, a_check

pytest_plugins = ["pytester"]

SUITE = (
    a_check("image.shell", "record('image.shell')"),
    a_check("packages.refresh", "record('packages.refresh')", needs=("image.shell",)),
    a_check("packages.install", "record('packages.install')", needs=("packages.refresh",)),
    a_check("systemd.pid1", "record('systemd.pid1')", needs=("image.shell",)),
    a_check("systemd.units", "record('systemd.units')", needs=("systemd.pid1",)),
    a_check("startup.boot", "record('startup.boot')", needs=("systemd.pid1",)),
    a_check("workspace.user", "record('workspace.user')"),
    a_check("webdevops.tools", "record('webdevops.tools')", needs=("packages.refresh",)),
    a_check("systemd.restart", "record('systemd.restart')", last=3),
)
RECORD = """
import os, time
def record(name):
    with open("ran", "a") as file:
        file.write(f"{name} {os.getpid()}\\n")
def ran():
    with open("ran") as file:
        return file.read()
"""


class RunningCandidate(FakeCandidate):
    """A fake candidate whose container runs."""

    def __init__(self) -> None:
        super().__init__()
        self.job.lanes = True
        self.now = ContainerState(running=True, exit_code=0, oom_killed=False)
        self.record: Callable[[str, Any], None] = lambda _name, _value: None
        self.control_results: Callable[[Any], Any] = lambda _urls: {}

    def another(self) -> RunningCandidate:
        self.record("connected", os.getpid())
        return self

    def state(self) -> ContainerState:
        return self.now

    def shell(self, _user: str = "") -> SimpleNamespace:
        return SimpleNamespace(run=lambda _command, **_options: SimpleNamespace(stdout=b""))


class Lanes:
    """Runs checks under the conductor of the process that runs them, and keeps what it sends."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.candidate = RunningCandidate()
        self.events: list[dict[str, Any]] = []
        self.answers = b""

    def __call__(self, *changed: str) -> StreamingConductor:
        """Run the suite; each check in ``changed`` replaces the one of its id."""
        named = {each.partition("\n")[0].split("'")[1]: each for each in (*SUITE, *changed)}
        self.pytester.makepyfile(suite_a=HEAD + RECORD + "".join(named.values()))
        parents, childs = socket.socketpair()
        conductor = StreamingConductor(cast(Candidate, self.candidate), Channel(childs))

        class Named:
            @pytest.hookimpl(tryfirst=True)
            def pytest_configure(self, config: pytest.Config) -> None:
                config.pluginmanager.register(conductor, CONDUCTOR)

        def listen() -> None:
            with parents.makefile("rb") as lines:
                for line in lines:
                    self.events.append(json.loads(line))
                    if self.events[-1]["event"] == "control":
                        parents.sendall(self.answers)

        listener = Thread(target=listen, name="certify-notify")
        listener.start()
        with parents:
            with childs:
                self.pytester.inline_run(*ARGUMENTS, plugins=[Named()])
                childs.shutdown(socket.SHUT_WR)
            listener.join()
        return conductor

    @property
    def ran(self) -> dict[str, list[str]]:
        """The checks that ran, in their order, by the process that ran them; this one first."""
        found: dict[str, list[str]] = {str(os.getpid()): []}
        for line in (self.pytester.path / "ran").read_text("utf-8").splitlines():
            name, pid = line.split()
            found.setdefault(pid, []).append(name)
        return found

    @property
    def found(self) -> dict[str, dict[str, Any]]:
        """The findings that were sent, by the check."""
        return {
            each["finding"]["id"]: each["finding"]
            for each in self.events
            if each["event"] == "finding"
        }


@pytest.fixture
def lanes(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Lanes:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr("certify.suite.worker.is_own", lambda _item: False)
    monkeypatch.setattr("certify.suite.worker.can_copy", lambda: True)  # the runner has threads
    return Lanes(pytester)


IN_ORDER = [each.partition("'")[2].partition("'")[0] for each in SUITE]
HERE = [
    "image.shell", "systemd.pid1", "startup.boot", "systemd.units", "workspace.user",
    "systemd.units",  # once more, after the lanes
    "webdevops.tools", "systemd.restart",
]  # fmt: skip


def test_a_lane_runs_beside_the_others_once_times_are_measured(lanes: Lanes) -> None:
    conductor = lanes()
    here, there = lanes.ran.values()
    assert (here, there) == (HERE, ["packages.refresh", "packages.install"])
    assert list(lanes.found) == list(conductor.findings) or set(lanes.found) == set(IN_ORDER)
    assert {each["outcome"] for each in lanes.found.values()} == {"passed"}
    assert {id: each["lane"] for id, each in lanes.found.items() if each["lane"]} == {
        "packages.refresh": "packages", "packages.install": "packages",
        "systemd.units": "services", "workspace.user": "services",
    }  # fmt: skip
    assert conductor.never_run() == []
    facts = [(each["name"], each["value"]) for each in lanes.events if each["event"] == "fact"]
    [connected] = [value for name, value in facts if name == "connected"]
    assert [name for name, _ in facts].count("inventory") == 1
    assert str(connected) in lanes.ran


NOT_UP = [
    Boot(ready=False, phase="booting", missing=(), installed=None, timeline={}),
    Boot(ready=True, phase="booting", missing=("systemd",), installed=100, timeline={}),
    RuntimeError("odd"),
]


@pytest.mark.parametrize("boot", NOT_UP, ids=repr)
def test_an_image_that_is_not_up_is_checked_in_series(lanes: Lanes, boot: Boot | Exception) -> None:
    lanes.candidate.boots = boot
    lanes()
    assert list(lanes.ran) == [str(os.getpid())]
    expected = IN_ORDER[:1] if isinstance(boot, Exception) else IN_ORDER
    assert lanes.ran[str(os.getpid())] == expected


def test_an_image_that_still_lacks_something_is_checked_in_series(lanes: Lanes) -> None:
    lanes.candidate.boots = Boot(
        ready=True, phase="booting", missing=("git",), installed=0, timeline={}
    )
    lanes.candidate.lacks = {"git"}
    lanes()
    assert list(lanes.ran.values()) == [IN_ORDER]


def test_nothing_waits_for_a_container_that_was_never_started(lanes: Lanes) -> None:
    lanes.candidate.job.start_error = "exec: /bin/sh: no such file or directory"
    lanes()
    assert lanes.candidate.booted == 0
    assert list(lanes.ran.values()) == [["image.shell"]]


def test_without_lanes_pytests_own_loop_runs_the_checks_once_the_image_is_up(lanes: Lanes) -> None:
    lanes.candidate.job.lanes = False
    lanes()
    assert lanes.candidate.booted
    assert list(lanes.ran.values()) == [IN_ORDER]


def test_a_failure_in_a_lane_is_the_one_in_series(lanes: Lanes) -> None:
    failing = a_check("packages.refresh", "candidate.ask('update', 'E: no')", "assert False, 'no'")
    lanes(failing)
    beside = lanes.found
    assert not [each for each in lanes.events if each["event"] == "doubt"]
    assert beside["packages.install"]["message"] == "needs packages.refresh, which failed"
    assert beside["webdevops.tools"]["because"] == "packages.refresh"
    lanes.events.clear()
    lanes.candidate.job.lanes = False
    lanes(failing)
    unlike = {"began": 0, "seconds": 0, "lane": ""}
    assert {id: each | unlike for id, each in beside.items()} == {
        id: each | unlike for id, each in lanes.found.items()
    }


DOUBTS = [
    (a_check("packages.install", "unknown('odd')"), "packages.install: odd"),
    (a_check("workspace.user", "candidate.longest_wait = 5.0", "assert False, 'late'"),
     "workspace.user: late"),
    (a_check("systemd.units", "record('u')", "assert ran().count('u ') < 2, 'no'"),
     "systemd.units: its answer changed"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "why"), DOUBTS, ids=[why for _, why in DOUBTS])
def test_what_the_other_lane_may_have_caused_is_doubtful(
    lanes: Lanes, check: str, why: str
) -> None:
    conductor = lanes(check)
    assert lanes.events[-1] == {"event": "doubt", "why": why}
    assert conductor.never_run() == []
    assert "systemd.restart" not in lanes.found


@pytest.mark.parametrize(("exit_code", "doubts"), [(1, ["the container ended"]), (137, [])])
def test_only_a_container_that_ended_by_itself_is_launched_again(
    lanes: Lanes, exit_code: int, doubts: list[str]
) -> None:
    lanes.candidate.now = ContainerState(running=False, exit_code=exit_code, oom_killed=False)
    lanes()
    assert [each["why"] for each in lanes.events if each["event"] == "doubt"] == doubts


def test_a_lane_that_dies_leaves_its_checks_without_a_finding(lanes: Lanes) -> None:
    died = a_check("packages.install", f"os.kill(os.getpid(), {int(signal.SIGKILL)})")
    conductor = lanes(died)
    assert conductor.never_run() == ["packages.install", "webdevops.tools", "systemd.restart"]
    assert "workspace.user" in lanes.found


def test_a_lane_that_hangs_holds_no_finding_of_the_other(lanes: Lanes) -> None:
    """The lane goes on only once this process has run all of its own; else it fails."""
    slow = a_check(
        "packages.refresh",
        "end = time.monotonic() + 20",
        "while 'workspace.user' not in ran():",
        "    assert time.monotonic() < end",
    )
    lanes(slow)
    assert {each["outcome"] for each in lanes.found.values()} == {"passed"}
    order = [each["finding"]["id"] for each in lanes.events if each["event"] == "finding"]
    assert order.index("systemd.units") < order.index("packages.refresh")


def test_a_lane_asks_its_question_through_the_process_that_made_it(lanes: Lanes) -> None:
    lanes.answers = b'{"http://a": "connects"}\n'
    lanes(
        a_check(
            "packages.refresh",
            "assert {k: v.value for k, v in candidate.control_results(['http://a']).items()} == "
            "{'http://a': 'connects'}",
        )
    )
    assert lanes.found["packages.refresh"]["outcome"] == "passed"
