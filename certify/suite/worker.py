"""The process that runs the checks: started early, told what to examine when that stands.

It talks to its parent over one socket pair, a line of JSON at a time: it reads a
:class:`~certify.suite.job.Job` (with the notification socket, if there is one)
and writes events. It owns nothing: when it dies, its parent removes the container.
What it makes for a moment, for the last words of an init, it removes before SIGTERM ends it.
"""

from __future__ import annotations

import json
import shlex
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from certify.engine.client import Engine
from certify.engine.container import Container
from certify.judge.control import Reach
from certify.model.errors import EngineUnavailable
from certify.model.finding import Finding
from certify.model.terms import Fault
from certify.suite.candidate import Candidate
from certify.suite.catalogue import suite_directory
from certify.suite.claims import Spec
from certify.suite.conductor import Conductor
from certify.suite.host import Transcript
from certify.suite.job import Job
from certify.suite.plugin import CONDUCTOR
from certify.util.text import one_line

# Nothing of the caller's own pytest configuration may change what is certified.
PYTEST_ARGUMENTS = (
    "-p", "no:cacheprovider", "-p", "no:terminal", "-p", "no:junitxml", "-p", "no:logging",
    "-p", "certify.suite.plugin", "--assert=plain", "--capture=fd", "--strict-markers",
    "--import-mode=importlib",  # else a file of one's own could not be called as a shipped one is
)  # fmt: skip


class Channel:
    """The worker's end of the socket pair."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def job(self) -> tuple[dict[str, Any], socket.socket | None]:
        """The job, once it is known; ends this process quietly if the parent is gone."""
        data, fds, _, _ = socket.recv_fds(self._end, 1 << 16, 1)
        while data and not data.endswith(b"\n"):
            more = self._end.recv(1 << 16)
            if not more:
                break
            data += more
        if not data.endswith(b"\n"):
            sys.exit(0)
        notify = socket.socket(fileno=fds[0]) if fds else None
        if notify is not None:
            notify.setblocking(False)
        return json.loads(data), notify

    def control(self, urls: Sequence[str]) -> dict[str, Reach]:
        """Have the parent ask its control; the parent owns all containers."""
        self.tell("control", urls=list(urls))
        with self._end.makefile("rb") as answers:
            line = answers.readline()
        if not line:
            sys.exit(0)  # the parent is gone
        return {url: Reach(reach) for url, reach in json.loads(line).items()}

    def tell(self, event: str, **what: Any) -> None:
        """Send one event."""
        self._end.sendall(json.dumps({"event": event, **what}).encode() + b"\n")


class Reporting(Conductor):
    """A conductor that streams what it hears, and stops when the engine is gone."""

    def __init__(self, candidate: Candidate, transcript: Transcript, channel: Channel) -> None:
        super().__init__(candidate, transcript)
        self._channel = channel
        self._session: pytest.Session | None = None
        self._expected: list[str] = []
        self.tell = self._tell
        self.told_specs = self._tell_specs

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Remember the session, to be able to stop it."""
        self._session = session

    def running(self, check_id: str) -> None:
        """Say which check runs now."""
        self._channel.tell("running", check=check_id)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file of checks that cannot be read is no reason to certify without it."""
        if report.failed:
            said = str(report.longrepr)
            why = one_line(said.rstrip().rpartition("\n")[2].removeprefix("E "))
            message = f"{report.nodeid} cannot be read: {why}"
            self._channel.tell("broken", message=message, evidence=said)

    def _tell(self, finding: Finding) -> None:
        self._channel.tell("finding", finding=finding.model_dump(mode="json"))
        if finding.fault is Fault.HOST and self._session is not None:
            try:
                self.candidate.container.state()
            except EngineUnavailable as error:
                self._session.shouldstop = "the engine is gone"
                self._channel.tell("trouble", message=error.message, remedy=error.remedy)

    def unasked(self) -> list[str]:
        """Checks that never came to a word, though nothing was told that explains it."""
        if self._session is not None and self._session.shouldstop:
            return []
        return [check_id for check_id in self._expected if check_id not in self.findings]

    def _tell_specs(self, specs: list[Spec]) -> None:
        self._expected = [spec.claim.id for spec in specs]
        claims = [spec.claim.model_dump(mode="json") for spec in specs]
        self._channel.tell("claims", claims=claims)


def main() -> int:
    """Read the job from the descriptor named on the command line, run, stream, end."""
    channel = Channel(socket.socket(fileno=int(sys.argv[1])))
    # The connection costs some milliseconds; they pass while the container boots.
    try:
        engine = Engine.connect()
    except EngineUnavailable as error:
        channel.tell("trouble", message=error.message, remedy=error.remedy)
        return 3
    message, notify = channel.job()
    job = Job.model_validate(message["job"])
    transcript: Transcript = []
    container = Container(engine, job.container, notify, job.pace)
    candidate = Candidate(
        job, container, transcript, lambda name, value: channel.tell("fact", name=name, value=value)
    )
    candidate.ask_control = channel.control
    directory = suite_directory()
    own = message["own_checks"]
    arguments = [*PYTEST_ARGUMENTS, "-c", str(Path(__file__).with_name("suite.ini")),
                 "-o", f"pythonpath={shlex.join(own)}", "--rootdir", str(directory),
                 # A conftest.py beside one's own checks counts, one further up does not.
                 "--confcutdir", *(own or [str(directory)])[:1], str(directory), *own]  # fmt: skip
    conductor = Reporting(candidate, transcript, channel)
    code = pytest.main(arguments, plugins=[_Named(conductor)])
    container.close_shells()
    engine.close()
    if code == pytest.ExitCode.INTERNAL_ERROR:
        return 3  # what broke stands on standard error, which the parent shows
    if unasked := conductor.unasked():
        # Such as by pytest.exit() in a check: what was not asked must not pass for passed.
        listed = "\n".join(unasked)
        channel.tell("broken", message="the checks were ended before all of them ran",
                     evidence=f"never ran:\n{listed}")  # fmt: skip
    channel.tell("done", code=int(code))
    return 0


class _Named:
    """Registers the conductor under the name by which the plugin knows it."""

    def __init__(self, conductor: Conductor) -> None:
        self._conductor = conductor

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.pluginmanager.register(self._conductor, CONDUCTOR)


if __name__ == "__main__":
    sys.exit(main())
