"""The process that runs the checks. It starts early, and receives its job after the launch.

It talks to its parent over one socket pair, a line of JSON at a time: it reads a
:class:`~certify.suite.job.Job` (with the notification socket, if there is one)
and writes events. When it dies, its parent removes the container. Containers of its own, for the
console of an init, it removes before SIGTERM ends it.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import shlex
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from certify.engine.client import Engine
from certify.engine.container import Container, ContainerStopped
from certify.engine.inventory import LIMIT, SECONDS, script
from certify.engine.session import SessionLost
from certify.judge.control import Reach
from certify.model.errors import EngineUnavailable, Trouble
from certify.model.finding import Finding
from certify.model.terms import Fault
from certify.suite.candidate import Candidate
from certify.suite.catalogue import suite_directory
from certify.suite.claims import Spec, spec_of
from certify.suite.conductor import Conductor
from certify.suite.job import Job
from certify.suite.plugin import CONDUCTOR
from certify.util.text import one_line, printable

# Nothing of the caller's own pytest configuration may change what is certified.
PYTEST_ARGUMENTS = (
    "-p", "no:cacheprovider", "-p", "no:terminal", "-p", "no:junitxml", "-p", "no:logging",
    "-p", "certify.suite.plugin", "--assert=plain", "--capture=fd", "--strict-markers",
    "--import-mode=importlib",  # so that a user's file may have the name of a shipped one
)  # fmt: skip


class Channel:
    """The connection to the parent process."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def receive_job(self) -> tuple[dict[str, Any], socket.socket | None]:
        """Wait for the job and its socket; exit quietly if the parent is gone."""
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

    def control_results(self, urls: Sequence[str]) -> dict[str, Reach]:
        """Have the parent try URLs from a container of certify's own, and return the results."""
        self.send("control", urls=list(urls))
        with self._end.makefile("rb") as answers:
            line = answers.readline()
        if not line:
            sys.exit(0)  # the parent is gone
        return {url: Reach(reach) for url, reach in json.loads(line).items()}

    def send(self, event: str, **fields: Any) -> None:
        """Send one event."""
        self._end.sendall(json.dumps({"event": event, **fields}).encode() + b"\n")


class StreamingConductor(Conductor):
    """A conductor that sends each finding at once, and stops when the engine is gone."""

    def __init__(self, candidate: Candidate, channel: Channel) -> None:
        super().__init__(candidate)
        self._channel = channel
        self._session: pytest.Session | None = None
        self._expected: list[str] = []
        self._inventory_taken = False

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Remember the session, to be able to stop it."""
        self._session = session

    def report_start(self, check_id: str) -> None:
        """Send the id of the check that begins."""
        self._channel.send("running", check=check_id)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        """Take the inventory before the first check that may change the image.

        By then it has booted, which this would slow down. If the launch has installed something,
        the parent finds out in another container what the image holds.
        """
        spec = spec_of(getattr(item, "function", None), item.name)
        if self._inventory_taken or spec.claim.group == "image":
            return
        self._inventory_taken = True
        with contextlib.suppress(ContainerStopped, SessionLost, Trouble):
            launched = self.candidate.job.launch != "nested"  # whose shell is the base's
            if launched and not self.candidate.boot.missing:
                shell = self.candidate.container.shell("")
                answer = shell.run(script(), timeout=SECONDS, limit=LIMIT)
                self._channel.send("fact", name="inventory", value=printable(answer.stdout))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Report a file of checks that cannot be read: nothing is certified without its checks."""
        if report.failed:
            text = str(report.longrepr)
            reason = one_line(text.rstrip().rpartition("\n")[2].removeprefix("E "))
            message = f"{report.nodeid} cannot be read: {reason}"
            self._channel.send("broken", message=message, evidence=text)

    def report(self, finding: Finding) -> None:
        """Send a finding; after trouble of the host, stop if the engine is gone."""
        self._channel.send("finding", finding=finding.model_dump(mode="json"))
        if finding.fault is Fault.HOST and self._session is not None:
            try:
                self.candidate.container.state()
            except EngineUnavailable as error:
                self._session.shouldstop = "the engine is gone"
                self._channel.send("trouble", message=error.message, remedy=error.remedy)

    def never_run(self) -> list[str]:
        """Return the ids of checks that did not run although nothing reported explains it."""
        if self._session is not None and self._session.shouldstop:
            return []
        return [check_id for check_id in self._expected if check_id not in self.findings]

    def report_specs(self, specs: list[Spec]) -> None:
        """Send the claims of all checks that are about to run."""
        self._expected = [spec.claim.id for spec in specs]
        claims = [spec.claim.model_dump(mode="json") for spec in specs]
        self._channel.send("claims", claims=claims)


def main() -> int:
    """Read the job from the descriptor on the command line, run the checks, send the events."""
    channel = Channel(socket.socket(fileno=int(sys.argv[1])))
    # The connection costs some milliseconds; they pass while the container boots.
    try:
        engine = Engine.connect()
    except EngineUnavailable as error:
        channel.send("trouble", message=error.message, remedy=error.remedy)
        return 3
    message, notify = channel.receive_job()
    job = Job.model_validate(message["job"])
    container = Container(engine, job.container, notify, job.pace)
    candidate = Candidate(
        job, container, lambda name, value: channel.send("fact", name=name, value=value)
    )
    candidate.control_results = channel.control_results
    directory = suite_directory()
    own = message["own_checks"]
    arguments = [*PYTEST_ARGUMENTS, "-c", str(Path(__file__).with_name("suite.ini")),
                 "-o", f"pythonpath={shlex.join(own)}", "--rootdir", str(directory),
                 # A conftest.py beside the user's checks counts, one further up does not.
                 "--confcutdir", *(own or [str(directory)])[:1], str(directory), *own]  # fmt: skip
    conductor = StreamingConductor(candidate, channel)
    code = pytest.main(arguments, plugins=[_Named(conductor)])
    container.close_shells()
    engine.close()
    if code == pytest.ExitCode.INTERNAL_ERROR:
        return 3  # the error is on standard error, which the parent shows
    if never_run := conductor.never_run():
        # Such as after pytest.exit() in a check: a check that did not run must not count as passed.
        listed = "\n".join(never_run)
        channel.send("broken", message="the checks were ended before all of them ran",
                     evidence=f"never ran:\n{listed}")  # fmt: skip
    channel.send("done", code=int(code))
    return 0


class _Named:
    """Registers the conductor under the name that the plugin looks for."""

    def __init__(self, conductor: Conductor) -> None:
        self._conductor = conductor

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.pluginmanager.register(self._conductor, CONDUCTOR)


if __name__ == "__main__":
    _code = main()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(_code)  # the parent waits, and taking apart all modules takes longer than many a check
