"""Further launches of a candidate, for nothing but how long each takes to come up."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from certify.engine.boot import Boot, boot_timeouts, seconds_since_init, wait_booted
from certify.engine.client import Engine
from certify.engine.container import Container, ContainerStopped
from certify.engine.launch import launch_container
from certify.engine.launch_plan import LaunchPlan
from certify.engine.session import SessionLost
from certify.judge.diagnosis import diagnose
from certify.judge.startup import Start
from certify.model.errors import LaunchRefused
from certify.model.terms import Fault
from certify.util.text import printable

_PAUSE = 0.1
_EVIDENCE_LINES = 60


def start_again(
    engine: Engine,
    image: str,
    plan: LaunchPlan,
    budgets: Mapping[str, float],
    *,
    platform: str | None,
    dockerd: bool,
) -> Start:
    """Launch an image that came up before, wait until it is up, read systemd's clock, remove it.

    ``dockerd`` tells whether dockerd is waited for as well. A launch that does not come up is no
    error: the start says why, and whose fault that is. Raises
    :class:`~certify.model.errors.EngineUnavailable`.
    """
    try:
        with launch_container(engine, image, plan, platform=platform) as started:
            if started.refusal:
                return Start(failure=started.refusal, fault=Fault.HOST)
            return _timed(started.container, budgets, dockerd=dockerd)
    except LaunchRefused as refused:
        return Start(failure=refused.message, evidence=refused.evidence, fault=refused.fault)


def _timed(container: Container, budgets: Mapping[str, float], *, dockerd: bool) -> Start:
    try:
        boot = wait_booted(container, **boot_timeouts(budgets))
        if not boot.ready:
            return _failed(
                container, _what_failed(boot), waited=boot.timed_out_after or 0.0, boot=boot
            )
        seconds = seconds_since_init(_asking(container), "FinishTimestampMonotonic")
        if seconds is None:
            what = "systemd did not say when its boot ended"
            return Start(failure=what, fault=Fault.TOOL)
        start = _dockerd(container, 2 * budgets["dockerd"]) if dockerd else Start()
        installed = boot.provision_seconds if boot.installed == 0 else None
        return start.model_copy(update={"boot_seconds": seconds, "provision_seconds": installed})
    except ContainerStopped as stopped:
        return _failed(container, str(stopped))
    except SessionLost as lost:
        return Start(failure=f"the shell was lost: {lost}", fault=Fault.TOOL)


def _dockerd(container: Container, allowed: float) -> Start:
    """When dockerd was ready, or that it is not after so many seconds; on a slow host longer."""
    ask = _asking(container)
    allowed *= container.pace
    deadline = time.monotonic() + allowed
    while time.monotonic() < deadline:
        ask("docker version")  # wakes a dockerd that only its socket starts
        ready = seconds_since_init(ask, "ActiveEnterTimestampMonotonic", "docker.service")
        if ready is not None:
            return Start(dockerd_seconds=ready)
        time.sleep(_PAUSE)
    return _failed(container, "dockerd did not become ready", waited=allowed)


def _asking(container: Container) -> Callable[[str], str]:
    """Runs a command line in the candidate; what it printed."""

    def ask(command: str) -> str:
        return container.shell().run(command, timeout=15).stdout.decode("utf-8", "replace")

    return ask


def _what_failed(boot: Boot) -> str:
    if boot.installed:
        return "installing what the image lacks failed"
    return f"it did not come up (it was still {boot.phase})"


def _failed(
    container: Container, failure: str, *, waited: float = 0.0, boot: Boot | None = None
) -> Start:
    """A start that failed, and the likely cause: it worked before, with the very same image."""
    log = printable(container.logs(_EVIDENCE_LINES))
    found = diagnose(log, where="log")
    fault = found.fault if found else Fault.IMAGE
    if boot and (boot.installed or boot.phase == "installing"):
        # The same packages could be installed before: what changed is how they are reached.
        fault = found.fault if found and found.fault is not Fault.IMAGE else Fault.NETWORK
    state = container.state()
    if state.oom_killed:
        fault = Fault.LAUNCH
    elif state.killed:
        fault = Fault.HOST
    cause = f": {found.cause}" if found and found.fault is fault else ""
    return Start(waited_seconds=waited, failure=failure + cause, evidence=log, fault=fault)
