"""The startup times of a candidate over several launches, judged by the speed of the host."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from certify.certification.events import Events
from certify.certification.observation import Observation
from certify.certification.options import Options
from certify.engine.boot import Boot, boot_timeouts, seconds_since_init, wait_booted
from certify.engine.calibration import host_calibration, slower_calibration
from certify.engine.client import Engine
from certify.engine.container import Container
from certify.engine.container_state import ContainerStopped
from certify.engine.disk_watch import DiskWatch, TooMuchWritten
from certify.engine.launch import launch_container
from certify.engine.launch_plan import LaunchPlan
from certify.engine.session import SessionLost
from certify.judge.diagnosis import diagnose
from certify.judge.profile import Profile
from certify.judge.startup import (
    PHASES,
    Start,
    corrected_skips,
    excuse_slow_host,
    is_emulated,
    judge_starts,
    medians,
    over_budget,
    pace,
)
from certify.model.errors import Interrupted, LaunchRefused
from certify.model.finding import Finding
from certify.model.host import Host
from certify.model.terms import Fault, Outcome
from certify.util.text import printable

_POLL_SECONDS = 0.1
_EVIDENCE_LINES = 60


def measure_host(engine: Engine) -> Host:
    """Return the engine's host with its speed, which is measured once in a process."""
    return engine.host().model_copy(update={"calibration": host_calibration(engine)})


def pace_for(engine: Engine, host: Host | None, platform: str | None) -> float:
    """Return the factor by which waits for a candidate of a platform are longer on a host."""
    emulated = is_emulated(engine.platform, platform)
    return pace(host.calibration if host else None, emulated=emulated)


@dataclass(frozen=True)
class StartupTimer:
    """Launches an image again and again, only to measure its startup times."""

    engine: Engine
    image: str
    """The image's ID, or else its reference."""
    plan: LaunchPlan
    budgets: Mapping[str, float]
    platform: str | None = None

    def starts(self, first: Start) -> Iterator[Start]:
        """Yield the start that was examined, then that of one more launch for each iteration.

        Yields nothing if the first launch did not come up. Raises
        :class:`~certify.model.errors.EngineUnavailable`.
        """
        if first.boot_seconds is None:
            return
        yield first
        while True:
            yield self.start(with_dockerd=first.dockerd_seconds is not None)

    def start(self, *, with_dockerd: bool) -> Start:
        """Launch the image, read systemd's clock once it is up, and remove it.

        With ``with_dockerd``, also wait for dockerd. A launch that does not come up is no error:
        the start holds the failure and its fault. Raises
        :class:`~certify.model.errors.EngineUnavailable`, and :class:`~certify.model.errors.Trouble`
        if the engine's disk is nearly full.
        """
        launched = launch_container(self.engine, self.image, self.plan, platform=self.platform)
        try:
            with launched as started:
                if started.refusal:
                    return Start(failure=started.refusal, fault=Fault.HOST)
                return self._time(started.container, with_dockerd=with_dockerd)
        except LaunchRefused as refused:
            return Start(failure=refused.message, evidence=refused.evidence, fault=refused.fault)

    def _time(self, container: Container, *, with_dockerd: bool) -> Start:
        disk = DiskWatch(self.engine, container.id, self.plan.limits.disk_bytes)
        try:
            boot = wait_booted(container, disk.require, **boot_timeouts(self.budgets))
            if not boot.ready:
                waited = boot.timed_out_after or 0.0
                return _failed_start(container, _boot_failure(boot), waited=waited, boot=boot)
            seconds = seconds_since_init(_shell_runner(container), "FinishTimestampMonotonic")
            if seconds is None:
                failure = "systemd did not report when its boot ended"
                return Start(failure=failure, fault=Fault.TOOL)
            start = self._time_dockerd(container, disk) if with_dockerd else Start()
            provision = boot.provision_seconds if boot.installed == 0 else None
            times = {"boot_seconds": seconds, "provision_seconds": provision}
            return start.model_copy(update=times)
        except ContainerStopped as stopped:
            return _failed_start(container, str(stopped))
        except TooMuchWritten as excess:
            return Start(failure=str(excess), fault=Fault.IMAGE)
        except SessionLost as lost:
            return Start(failure=f"the shell was lost: {lost}", fault=Fault.TOOL)

    def _time_dockerd(self, container: Container, disk: DiskWatch) -> Start:
        """Wait for dockerd up to twice its budget, and longer on a slow host."""
        run = _shell_runner(container)
        allowed = 2 * self.budgets["dockerd"] * container.pace
        deadline = time.monotonic() + allowed
        while time.monotonic() < deadline:
            run("docker version")  # starts a dockerd that waits for its socket
            ready = seconds_since_init(run, "ActiveEnterTimestampMonotonic", "docker.service")
            if ready is not None:
                return Start(dockerd_seconds=ready)
            disk.require()
            time.sleep(_POLL_SECONDS)
        return _failed_start(container, "dockerd did not become ready", waited=allowed)


def repeat_startup(
    engine: Engine, observed: Observation, profile: Profile, options: Options, events: Events
) -> None:
    """Launch an image that came up as often as requested, to measure its startup times.

    Raises :class:`~certify.model.errors.Trouble`.
    """
    if observed.plan is None or observed.trouble or profile.launch == "nested":
        return
    image = observed.image.image_id or observed.image.reference
    budgets = profile.launch_budgets.model_dump()
    timer = StartupTimer(engine, image, observed.plan, budgets, options.platform)
    for start in timer.starts(first_start(observed)):
        observed.starts.append(start)
        if options.stopped():
            raise Interrupted
        if len(observed.starts) == options.runs:
            return
        events.phase(f"launch {len(observed.starts) + 1} of {options.runs}")


def first_start(observation: Observation) -> Start:
    """Return the times of the launch that the checks examined."""
    names = [f"{phase}_seconds" for phase in PHASES]
    return Start.model_validate({name: observation.facts.get(name) for name in names})


def judge_startup(engine: Engine, observation: Observation, profile: Profile) -> dict[str, Finding]:
    """Judge the observed times of all launches; return the findings that changed.

    Updates the observation's facts, findings and host. If anything is over budget, the speed of
    the host is measured again, since it may have become busy; on a slow host the finding is
    unknown.
    """
    budgets = profile.launch_budgets.model_dump()
    findings, starts = observation.findings, observation.starts
    observation.facts |= medians(starts)
    judged = judge_starts(findings, starts, budgets)
    late = {
        finding: over
        for finding in (findings | judged).values()
        if (over := over_budget(finding, observation.facts, starts, budgets))
    }
    if late and observation.host:
        calibration = slower_calibration(engine)
        observation.host = observation.host.model_copy(update={"calibration": calibration})
        emulated = is_emulated(engine.platform, observation.image.platform)
        for finding, over in late.items():
            excused = excuse_slow_host(finding, *over, calibration, emulated=emulated)
            judged[finding.id] = excused
            if excused.outcome is Outcome.UNKNOWN:
                judged |= corrected_skips(findings, finding.id)
    changed = {each: found for each, found in judged.items() if found != findings.get(each)}
    observation.findings |= changed
    return changed


def _shell_runner(container: Container) -> Callable[[str], str]:
    """Return a function that runs a command line in the container and returns its output."""

    def run(command: str) -> str:
        return container.shell().run(command, timeout=15).stdout.decode("utf-8", "replace")

    return run


def _boot_failure(boot: Boot) -> str:
    if boot.installed:
        return "installing what the image lacks failed"
    return f"it did not come up (it was still {boot.phase})"


def _failed_start(
    container: Container, failure: str, *, waited: float = 0.0, boot: Boot | None = None
) -> Start:
    """Return a start that failed with its likely cause; the same image came up before."""
    log = printable(container.logs(_EVIDENCE_LINES))
    found = diagnose(log, where="log")
    fault = found.fault if found else Fault.IMAGE
    if boot and (boot.installed or boot.phase == "installing"):
        # The same packages were installed before: the way to them has changed.
        fault = found.fault if found and found.fault is not Fault.IMAGE else Fault.NETWORK
    state = container.state()
    if state.oom_killed:
        fault = Fault.LAUNCH
    elif state.killed:
        fault = Fault.HOST
    cause = f": {found.cause}" if found and found.fault is fault else ""
    return Start(waited_seconds=waited, failure=failure + cause, evidence=log, fault=fault)
