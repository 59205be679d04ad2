"""Startup times: several launches against the budgets of a profile, and slow hosts. Pure.

Budgets hold on an ordinary host. On a slower one the same image takes longer through no fault of
its own, so there a check that is over budget is *unknown*, not *failed*, unless it is over it by
more than the host is slow.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, Literal

from certify.model.finding import Finding
from certify.model.host import Calibration
from certify.model.terms import Fault, Outcome
from certify.model.value import Value

SLOW_SECONDS = 2.0
"""A host that takes longer than this to create, start and remove certify's probe is slow.

Source: a virtual machine with 2 cores takes 0.22 to 0.28 s, and boots a sample in 0.8 s of the
15 s allowed. An ordinary host stays below 0.5 s; this is four times as much.
"""

ORDINARY_SECONDS = 0.5
"""The most that an ordinary host takes for the same; see :data:`SLOW_SECONDS`."""
MAX_PACE = 10.0

Phase = Literal["boot", "dockerd", "provision"]
PHASES: tuple[Phase, ...] = ("boot", "dockerd", "provision")
"""The phases that are timed in every launch."""
_NAMES = {"boot": "the boot", "dockerd": "dockerd", "provision": "installing at launch"}
_TIMED = {
    "startup.boot": ("boot", "boot_seconds"),
    "startup.dockerd": ("dockerd", "dockerd_seconds"),
    "startup.provision": ("provision", "provision_seconds"),
    "systemd.shutdown": ("shutdown", "shutdown_seconds"),
    "service.ready": ("ready", "ready_seconds"),
    "service.stops": ("shutdown", "shutdown_seconds"),
}
"""The budget of each timed check, and the fact that is compared with it."""
_RUNS_TOO = {("amd64", "386"), ("arm64", "arm")}
"""Architectures of hosts and images that usually need no emulation."""
_OUT_OF_TIME = re.compile(r"\btimed out\b|\btime-?out\b|\bdeadline exceeded\b", re.IGNORECASE)
"""Messages of programs that gave up waiting."""


class Start(Value):
    """The times of one launch of a candidate, in seconds."""

    boot_seconds: float | None = None
    """Time from the start of systemd, by its own clock; None if it did not come up."""
    dockerd_seconds: float | None = None
    """The same; None if dockerd did not become ready or was not waited for."""
    provision_seconds: float | None = None
    """Time for installing before systemd started; None if nothing was installed."""
    waited_seconds: float = 0.0
    """Time after which a wait was given up; 0 if none was."""
    failure: str = ""
    """A sentence on what did not come up; empty if everything did."""
    evidence: str = ""
    fault: Fault = Fault.IMAGE
    """The fault behind the failure."""


def measured(starts: Sequence[Start], phase: Phase) -> tuple[float, ...]:
    """Return the seconds of a phase in every start that completed it, in their order."""
    found = (getattr(start, f"{phase}_seconds") for start in starts)
    return tuple(seconds for seconds in found if seconds is not None)


def medians(starts: Sequence[Start]) -> dict[str, float]:
    """Return the median ``boot_seconds`` and so on; phases that no start completed are left out."""
    taken = {f"{phase}_seconds": measured(starts, phase) for phase in PHASES}
    return {fact: round(median(each), 3) for fact, each in taken.items() if each}


def judge_starts(
    findings: Mapping[str, Finding], starts: Sequence[Start], budgets: Mapping[str, float]
) -> dict[str, Finding]:
    """Return the findings of ``startup.*`` by several starts; unanswered ones are left out.

    The findings are about the first start. The median is compared with the budget, so one slow
    start decides nothing. An image that did not come up every time fails, unless the fault lies
    elsewhere.
    """
    judged = {}
    for phase in PHASES:
        finding = findings.get(f"startup.{phase}")
        if finding and finding.outcome in (Outcome.PASSED, Outcome.FAILED) and len(starts) > 1:
            judged[finding.id] = _judge_phase(finding, starts, phase, budgets[phase])
    return judged


def _judge_phase(finding: Finding, starts: Sequence[Start], phase: Phase, budget: float) -> Finding:
    # startup.boot reports the starts that did not boot, startup.dockerd those that did.
    booted = {"boot": False, "dockerd": True}.get(phase)
    failed = [s for s in starts if s.failure and (s.boot_seconds is not None) is booted]
    # A failure that is certainly the image's outweighs others.
    failed.sort(key=lambda start: start.fault is not Fault.IMAGE)
    if failed:
        worst = failed[0]
        came_up = f"{len(starts) - len(failed)} of {len(starts)} launches"
        message = f"it came up in {came_up} only: in launch {starts.index(worst) + 1} "
        return finding.model_copy(
            update={
                "outcome": Outcome.FAILED if worst.fault is Fault.IMAGE else Outcome.UNKNOWN,
                "message": message + worst.failure,
                "evidence": worst.evidence,
                "fault": worst.fault,
            }
        )
    taken = measured(starts, phase)
    if not taken or getattr(starts[0], f"{phase}_seconds") is None:
        return finding  # it is not about time
    middle, spread = median(taken), f"(median of {len(taken)}, {min(taken):.2f}–{max(taken):.2f})"
    if middle <= budget:
        update = {"outcome": Outcome.PASSED, "message": f"{middle:.2f} s {spread}", "fault": None}
        return finding.model_copy(update=update | {"evidence": ""})
    message = f"{_NAMES[phase]} took {middle:.1f} s {spread}, more than {budget:g} s"
    return finding.model_copy(
        update={"outcome": Outcome.FAILED, "message": message, "fault": Fault.IMAGE}
    )


def over_budget(
    finding: Finding,
    facts: Mapping[str, Any],
    starts: Sequence[Start],
    budgets: Mapping[str, float],
) -> tuple[float, float] | None:
    """Return seconds and budget of a failure that may be due to slowness; None for any other.

    ``facts`` are those that the checks recorded: ``boot_seconds``, ``dockerd_seconds``,
    ``provision_seconds`` (medians of all starts), ``shutdown_seconds``, and ``waited_in_vain`` with
    the ``seconds`` and the ``budget`` of a launch that was given up; every later check may fail for
    the same reason. The budget is 0 for a wait that a check, or a program in the image, gave up.
    """
    if finding.outcome is not Outcome.FAILED or finding.fault not in (None, Fault.IMAGE):
        return None
    taken: list[tuple[float, float]] = []
    vain = facts.get("waited_in_vain")
    if vain and not finding.id.startswith("image."):
        taken.append((vain["seconds"], budgets[vain["budget"]]))
    if finding.waited or _OUT_OF_TIME.search(f"{finding.message}\n{finding.evidence}"):
        taken.append((finding.waited or finding.seconds, 0.0))
    if finding.id in _TIMED:
        name, fact = _TIMED[finding.id]
        taken.append((facts.get(fact) or 0.0, budgets[name]))
        if name in ("boot", "dockerd"):
            taken += ((start.waited_seconds, budgets[name]) for start in starts)
    return max((each for each in taken if each[0] > each[1]), default=None)


def excuse_slow_host(
    finding: Finding,
    seconds: float,
    budget: float,
    calibration: Calibration | None,
    *,
    emulated: bool = False,
) -> Finding:
    """Return a finding over budget as unknown if the host is too slow for budgets to hold.

    On a host that is slower than an ordinary one, but not that slow, only a time that is over
    budget even in proportion fails. ``calibration`` is None if the host's speed could not be
    measured; then the finding is unknown too, since a rejection must be certain. ``emulated`` is
    True if the host emulates the candidate's architecture. Every other finding is returned
    unchanged.
    """
    if finding.outcome is not Outcome.FAILED or seconds <= budget:
        return finding
    if emulated:
        reason = "the host emulates the image's architecture, which takes many times as long"
    elif calibration is None:
        reason = "how fast the host is could not be measured"
    elif is_slow(calibration):
        reason = (
            "the host is slow: certify's own probe container took "
            f"{calibration.total_seconds:.1f} s, and budgets assume at most {SLOW_SECONDS:g} s"
        )
    elif seconds <= budget * pace(calibration):
        reason = (
            "the host is busy: certify's own probe container took "
            f"{calibration.total_seconds:.1f} s, an ordinary host takes at most "
            f"{ORDINARY_SECONDS:g} s, and there the same may stay within the budget"
        )
    else:
        return finding
    message = f"{finding.message or f'{seconds:.1f} s, more than {budget:g} s'}; but {reason}"
    return finding.model_copy(
        update={"outcome": Outcome.UNKNOWN, "message": message, "fault": Fault.HOST}
    )


def corrected_skips(findings: Mapping[str, Finding], unknown: str) -> dict[str, Finding]:
    """Return the skips whose message says that a check failed which is unknown after all."""
    before, after = (f"needs {unknown}, which {end}" for end in ("failed", "could not be answered"))
    return {
        finding.id: finding.model_copy(update={"message": finding.message.replace(before, after)})
        for finding in findings.values()
        if finding.because == unknown and before in finding.message
    }


def pace(calibration: Calibration | None, *, emulated: bool = False) -> float:
    """Return by how much waits are longer on this host, from 1 to :data:`MAX_PACE`.

    Longer waits make no verdict harsher: budgets are checked separately, and a wait that is given
    up on a slow host leaves its check unknown.
    """
    if emulated:
        return MAX_PACE
    if calibration is None:
        return 1.0
    return min(max(calibration.total_seconds / ORDINARY_SECONDS, 1.0), MAX_PACE)


def is_slow(calibration: Calibration) -> bool:
    """Return True if a host is slower than budgets assume."""
    return calibration.total_seconds > SLOW_SECONDS


def is_emulated(host: str, image: str | None) -> bool:
    """Return True if a host emulates an image's architecture; both are platforms, ``OS/ARCH``."""
    if image is None:
        return False
    pair = (host.split("/")[1], image.split("/")[1])
    return pair[0] != pair[1] and pair not in _RUNS_TOO
