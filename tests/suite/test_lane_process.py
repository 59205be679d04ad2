"""A lane of checks in a copy of this process, which hears of all that it sends."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread, main_thread
from typing import Any

import pytest

from certify.engine.notify_socket import READER
from certify.judge.control import Reach
from certify.model.finding import Finding
from certify.model.terms import Outcome
from certify.suite import lane_process
from certify.suite.channel import Channel
from certify.suite.lane_process import LaneProcess, can_copy

FOUND = Finding(id="packages.install", outcome=Outcome.PASSED)


class Lane:
    """Runs work in a lane, between both ends of the channel of the process that made it."""

    def __init__(self, parent: socket.socket, own: socket.socket) -> None:
        self.parent, self.own = parent, own
        self.findings: list[Finding] = []

    def __call__(self, work: Callable[[Channel], None]) -> list[dict[str, Any]]:
        """Return what the parent heard by the end of the lane."""
        lane = LaneProcess(Channel(self.own), work, self.findings.append)
        lane.follow()
        lane.join()
        self.own.close()
        with self.parent.makefile("rb") as lines:
            return [json.loads(line) for line in lines]


@pytest.fixture
def lane() -> Iterator[Lane]:
    parent, own = socket.socketpair()
    with parent, own:
        yield Lane(parent, own)


def send_all(channel: Channel) -> None:
    channel.send("fact", name="pid", value=os.getpid())
    channel.send("finding", finding=FOUND.model_dump(mode="json"))


def test_what_a_lane_sends_reaches_the_parent_and_findings_its_maker(lane: Lane) -> None:
    fact, finding = lane(send_all)
    assert fact["value"] != os.getpid()
    assert not Path(f"/proc/{fact['value']}").exists(), "it was waited for"
    assert finding == {"event": "finding", "finding": FOUND.model_dump(mode="json")}
    assert lane.findings == [FOUND]


def breaks(channel: Channel) -> None:
    send_all(channel)
    raise SystemExit("odd")


def is_killed(channel: Channel) -> None:
    send_all(channel)
    channel._end.sendall(b'{"event": "find')
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(("work", "said"), [(breaks, "SystemExit: odd"), (is_killed, "")])
def test_a_lane_that_ends_early_keeps_nobody_waiting(
    lane: Lane, capfd: pytest.CaptureFixture[str], work: Callable[[Channel], None], said: str
) -> None:
    assert [each["event"] for each in lane(work)] == ["fact", "finding"]
    assert lane.findings == [FOUND]
    assert capfd.readouterr().err.strip().rpartition("\n")[2] == said


def test_a_lane_asks_through_the_process_that_made_it(lane: Lane) -> None:
    def ask(channel: Channel) -> None:
        assert channel.control_results(["http://a"]) == {"http://a": Reach.REFUSES}
        channel.send("answered")

    lane.parent.sendall(b'{"http://a": "%s"}\n' % Reach.REFUSES.value.encode())
    assert lane(ask) == [{"event": "control", "urls": ["http://a"]}, {"event": "answered"}]


def test_the_parent_is_a_lanes_only_through_its_maker(lane: Lane) -> None:
    own = lane.own.fileno()

    def look(channel: Channel) -> None:
        try:
            os.fstat(own)
        except OSError:
            channel.send("closed")

    assert lane(look) == [{"event": "closed"}]


@pytest.mark.parametrize(
    ("names", "safe"), [([], True), ([READER], True), ([READER, "another"], False)]
)
def test_a_process_is_copied_unless_a_thread_might_hold_what_the_copy_waits_for(
    monkeypatch: pytest.MonkeyPatch, names: list[str], safe: bool
) -> None:
    threads = [main_thread(), *(Thread(name=each) for each in names)]
    monkeypatch.setattr(lane_process, "enumerate", lambda: threads)
    assert can_copy() is safe
