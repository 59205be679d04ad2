"""The process that runs the checks: a copy of a server (``python -m certify.suite``).

It talks to its parent over one socket pair, a line of JSON at a time: it reads a
:class:`~certify.suite.job.Job` (with the notification socket, if there is one)
and writes events. When it dies, its parent removes the container. Containers of its own, for the
console of an init, it removes before SIGTERM ends it.
"""

from __future__ import annotations

import contextlib
import shlex
import socket
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from itertools import zip_longest
from pathlib import Path

import pytest

from certify.engine.client import Engine
from certify.engine.container import Container
from certify.engine.container_state import ContainerStopped
from certify.engine.inventory import LIMIT, SECONDS, script
from certify.engine.session import SessionLost
from certify.model.errors import EngineUnavailable, Trouble
from certify.model.finding import Finding
from certify.model.terms import Fault
from certify.suite.candidate import Candidate
from certify.suite.catalogue import suite_directory
from certify.suite.channel import Channel
from certify.suite.claims import Spec
from certify.suite.conductor import Conductor
from certify.suite.job import Job
from certify.suite.lane_process import LaneProcess, can_copy
from certify.suite.lanes import EARLY, LAST, is_doubtful, is_lasting, places
from certify.suite.own_checks import is_own
from certify.suite.plugin import CONDUCTOR
from certify.util.text import one_line, printable

# Nothing of the caller's own pytest configuration may change what is certified.
PYTEST_ARGUMENTS = (
    "-p", "no:cacheprovider", "-p", "no:terminal", "-p", "no:junitxml", "-p", "no:logging",
    "-p", "certify.suite.plugin", "--assert=plain", "--capture=fd", "--strict-markers",
    "--import-mode=importlib",  # so that a user's file may have the name of a shipped one
)  # fmt: skip


class StreamingConductor(Conductor):
    """A conductor that sends each finding at once, and stops when the engine is gone."""

    def __init__(self, candidate: Candidate, channel: Channel) -> None:
        super().__init__(candidate)
        self._connect(channel)
        self._session: pytest.Session | None = None
        self._expected: list[str] = []
        self._inventory_taken = False

    def _connect(self, channel: Channel) -> None:
        self._channel = channel
        self.candidate.record = lambda name, value: channel.send("fact", name=name, value=value)
        self.candidate.control_results = channel.control_results

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
        if self._inventory_taken or self.spec(item).claim.group == "image":
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

    # Lanes

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run the checks, side by side where that is allowed; else pytest runs them in order."""
        job = self.candidate.job
        if job.launch != "init" or job.start_error or session.testsfailed:
            return None
        # In series, too: what ends before it is up has then ended before the first check.
        if not self._is_up() or not job.lanes:
            return None
        lanes: dict[str, list[pytest.Item]] = defaultdict(list)
        specs = [self.spec(item) for item in session.items]
        own = [is_own(item) for item in session.items]
        for item, place in zip(session.items, places(specs, own), strict=True):
            lanes[place].append(item)
        early, last = lanes.pop(EARLY, []), lanes.pop(LAST, [])
        if not (len(lanes) > 1 and early and can_copy()):
            return None
        self._inventory_taken = True  # by a lane, before it changes the image
        self._run(session, early)
        self._run_lanes(session, lanes)
        self._run(session, last)
        return True

    def _is_up(self) -> bool:
        """Return True if the image is up and lacks nothing, so that no check explains another."""
        try:
            boot = self.candidate.boot
            lacks = any(map(self.candidate.is_missing, boot.missing))
        except Exception:
            return False
        return boot.ready and boot.installed in (None, 0) and not lacks

    def _run_lanes(self, session: pytest.Session, lanes: dict[str, list[pytest.Item]]) -> None:
        """Run each lane but the longest in a process of its own, and the longest one here."""
        *others, (self.lane, mine) = sorted(lanes.items(), key=lambda lane: len(lane[1]))
        started = [
            LaneProcess(self._channel, partial(self._work, session, *lane), self.take)
            for lane in others
        ]
        for process in started:
            process.follow()
        self._run(session, mine)
        for process in started:
            process.join()
        self.lane = ""
        beside = [self.spec(item) for lane in lanes.values() for item in lane]
        if any(spec.claim.id not in self.findings for spec in beside):
            raise session.Interrupted("a lane ended early")  # see never_run
        if why := self._doubt(session, mine, [self.findings[spec.claim.id] for spec in beside]):
            self._channel.send("doubt", why=why)
            session.shouldstop = f"to be run in series: {why}"
            raise session.Interrupted(session.shouldstop)

    def _work(
        self, session: pytest.Session, lane: str, items: list[pytest.Item], channel: Channel
    ) -> None:
        """Run the checks of a lane, with a connection and shells of its own."""
        self.lane = lane
        self._inventory_taken = False
        self._connect(channel)
        self.candidate.container = self.candidate.container.another()
        self._run(session, items)

    def _run(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Run checks as pytest's own loop does; all fixtures end with them."""
        for item, following in zip_longest(items, items[1:]):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)

    def _doubt(
        self, session: pytest.Session, mine: list[pytest.Item], beside: list[Finding]
    ) -> str:
        """Return why the checks should run in series, or an empty text.

        Nobody can tell which of two checks at the same time ended the container, or took so much
        memory or time that the other failed; and a service may have failed only meanwhile.
        """
        try:
            state = self.candidate.container.state()
        except Trouble:
            return ""  # the next check reports it
        if not state.running:
            return "" if state.killed and not state.oom_killed else "the container ended"
        for finding in beside:
            if is_doubtful(finding):
                return f"{finding.id}: {finding.message}"
        lasting = [item for item in mine if is_lasting(self.spec(item))]
        before = {self.spec(item).claim.id: self.outcome(item) for item in lasting}
        with self.unreported():
            self._run(session, lasting)
        for item in lasting:
            spec = self.spec(item)
            if self.outcome(item) is not before[spec.claim.id]:
                return f"{spec.claim.id}: its answer changed"
        return ""

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


def arguments(own: Sequence[str] = ()) -> list[str]:
    """Return the command line of pytest, for the shipped checks and those in folders of one's own.

    A ``conftest.py`` beside the user's checks counts, one further up does not.
    """
    directory = str(suite_directory())
    ini = str(Path(__file__).with_name("suite.ini"))
    return [
        *PYTEST_ARGUMENTS, "-c", ini, "-o", f"pythonpath={shlex.join(own)}",
        "--rootdir", directory, "--confcutdir", (*own, directory)[0], directory, *own,
    ]  # fmt: skip


def main(end: socket.socket) -> int:
    """Read the job, run the checks, send the events."""
    channel = Channel(end)
    # The connection costs some milliseconds; they pass while the container boots.
    try:
        engine = Engine.connect()
    except EngineUnavailable as error:
        channel.send("trouble", message=error.message, remedy=error.remedy)
        return 3
    message, notify = channel.receive_job()
    job = Job.model_validate(message["job"])
    container = Container(engine, job.container, notify, job.pace)
    candidate = Candidate(job, container, lambda _name, _value: None)
    conductor = StreamingConductor(candidate, channel)
    code = pytest.main(arguments(message["own_checks"]), plugins=[_Named(conductor)])
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
