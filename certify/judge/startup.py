"""How soon a candidate is up, and whether it may be held against the image. Pure.

Budgets say what a platform's users wait for on an ordinary host. On a host that is far slower the
same image takes longer for no fault of its own: being over budget there proves nothing, and is
*unknown*, never *failed*.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, Literal

from certify.model.finding import Finding
from certify.model.result import Calibration
from certify.model.terms import Fault, Outcome
from certify.model.value import Value

SLOW_SECONDS = 2.0
"""A host that takes longer to create, start, await and remove certify's probe is slow.

Source: a virtual machine with 2 cores takes 0.22 to 0.28 s, and boots a sample in 0.8 s of the
15 s that it may take. An ordinary host stays below 0.5 s; four times that is not ordinary.
"""

ORDINARY_SECONDS = 0.5
"""An ordinary host takes at most so long for the same; see :data:`SLOW_SECONDS`."""
MOST_PATIENCE = 10.0

What = Literal["boot", "dockerd", "provision"]
WHATS: tuple[What, ...] = ("boot", "dockerd", "provision")
"""What is timed in every launch."""
_NAMES = {"boot": "the boot", "dockerd": "dockerd", "provision": "installing at launch"}
_TIMED = {
    "startup.boot": ("boot", "boot_seconds"),
    "startup.dockerd": ("dockerd", "dockerd_seconds"),
    "startup.provision": ("provision", "provision_seconds"),
    "systemd.shutdown": ("shutdown", "shutdown_seconds"),
}
"""What a check that can be over budget holds against which budget."""
_RUNS_TOO = {("amd64", "386"), ("arm64", "arm")}
"""What a processor usually runs beside its own architecture, without emulation."""
_OUT_OF_TIME = re.compile(r"\btimed out\b|\btime-?out\b|\bdeadline exceeded\b", re.IGNORECASE)
"""How programs say that they gave up waiting."""


class Start(Value):
    """How one launch of a candidate went."""

    boot_seconds: float | None = None
    """From the start of systemd, by its own clock; null if it did not come up."""
    dockerd_seconds: float | None = None
    """Likewise; null if dockerd did not become ready, or was not waited for."""
    provision_seconds: float | None = None
    """Spent on installing before systemd started; null if nothing was, or that failed."""
    waited_seconds: float = 0.0
    """How long it was waited for in vain; 0 if it was not."""
    failure: str = ""
    """What did not come up, and why; empty if all did."""
    evidence: str = ""
    fault: Fault = Fault.IMAGE
    """Where the cause of the failure lies."""


def measured(starts: Sequence[Start], what: What) -> tuple[float, ...]:
    """The seconds of every start that came up that far, in their order."""
    found = (getattr(start, f"{what}_seconds") for start in starts)
    return tuple(seconds for seconds in found if seconds is not None)


def medians(starts: Sequence[Start]) -> dict[str, float]:
    """``boot_seconds`` and the like over all starts; what none of them measured is left out."""
    taken = {f"{what}_seconds": measured(starts, what) for what in WHATS}
    return {fact: round(median(each), 3) for fact, each in taken.items() if each}


def judge_starts(
    findings: Mapping[str, Finding], starts: Sequence[Start], budgets: Mapping[str, float]
) -> dict[str, Finding]:
    """The checks of how soon it is up as several starts show them, if they were answered.

    The first start is the one that the findings are about. The median is held against the budget,
    so that one slow start decides nothing. An image that did not come up every time fails, unless
    the cause lies elsewhere.
    """
    judged = {}
    for what in WHATS:
        finding = findings.get(f"startup.{what}")
        if finding and finding.outcome in (Outcome.PASSED, Outcome.FAILED) and len(starts) > 1:
            judged[finding.id] = _judge_starts(finding, starts, what, budgets[what])
    return judged


def _judge_starts(finding: Finding, starts: Sequence[Start], what: What, budget: float) -> Finding:
    # A launch that did not get as far as its boot's end is startup.boot's to tell.
    tells = {"boot": False, "dockerd": True}.get(what)  # of a launch that booted, or of any other
    failed = [s for s in starts if s.failure and (s.boot_seconds is not None) is tells]
    # What is certainly the image's outweighs what may have another cause.
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
    taken = measured(starts, what)
    if not taken or getattr(starts[0], f"{what}_seconds") is None:
        return finding  # it is about something else than how long that took
    middle, told = median(taken), f"(median of {len(taken)}, {min(taken):.2f}–{max(taken):.2f})"
    if middle <= budget:
        update = {"outcome": Outcome.PASSED, "message": f"{middle:.2f} s {told}", "fault": None}
        return finding.model_copy(update=update | {"evidence": ""})
    message = f"{_NAMES[what]} took {middle:.1f} s {told}, more than {budget:g} s"
    return finding.model_copy(
        update={"outcome": Outcome.FAILED, "message": message, "fault": Fault.IMAGE}
    )


def over_budget(
    finding: Finding,
    facts: Mapping[str, Any],
    starts: Sequence[Start],
    budgets: Mapping[str, float],
) -> tuple[float, float] | None:
    """Seconds and budget, if a failure may be one of taking too long; null for any other finding.

    ``facts`` is what the checks recorded: ``boot_seconds``, ``dockerd_seconds``,
    ``provision_seconds`` (medians of all starts), ``shutdown_seconds``, and ``waited_in_vain`` with
    the ``seconds`` and the name of the ``budget`` of a launch that was given up. All that is asked
    of a candidate after that may fail for the same cause. Where no budget is named, as for a wait
    that a check gave up, or a program in the image that says so of itself, it is 0.
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


def reconsider(
    finding: Finding,
    seconds: float,
    budget: float,
    calibration: Calibration | None,
    *,
    emulated: bool = False,
) -> Finding:
    """A failure to keep within a budget, on a host that budgets are not made for: unknown.

    ``calibration`` is null if the host's speed could not be measured: nobody can say then that the
    budget holds on it, and a rejection must be certain. ``emulated`` tells that the candidate's
    programs are of an architecture that the host emulates, whatever its own speed. Every other
    finding stays as it is.
    """
    if finding.outcome is not Outcome.FAILED or seconds <= budget:
        return finding
    if emulated:
        why = "the host emulates the image's architecture, which takes many times as long"
    elif calibration is None:
        why = "how fast the host is could not be measured"
    elif is_slow(calibration):
        why = (
            "the host is slow: certify's own probe container took "
            f"{calibration.total_seconds:.1f} s, and budgets assume at most {SLOW_SECONDS:g} s"
        )
    else:
        return finding
    message = f"{finding.message or f'{seconds:.1f} s, more than {budget:g} s'}; but {why}"
    return finding.model_copy(
        update={"outcome": Outcome.UNKNOWN, "message": message, "fault": Fault.HOST}
    )


def retold(findings: Mapping[str, Finding], unknown: str) -> dict[str, Finding]:
    """The skips that call a check failed which, as it turned out, could not be answered."""
    called, is_now = (
        f"needs {unknown}, which {said}" for said in ("failed", "could not be answered")
    )
    return {
        finding.id: finding.model_copy(update={"message": finding.message.replace(called, is_now)})
        for finding in findings.values()
        if finding.because == unknown and called in finding.message
    }


def pace(calibration: Calibration | None, *, emulated: bool = False) -> float:
    """How many times as long as on an ordinary host a wait may take before it is given up.

    From 1 to :data:`MOST_PATIENCE`. Longer waits make no verdict harsher: what keeps within a
    budget is not asked of them, and what still does not come is unknown on a slow host.
    """
    if emulated:
        return MOST_PATIENCE
    if calibration is None:
        return 1.0
    return min(max(calibration.total_seconds / ORDINARY_SECONDS, 1.0), MOST_PATIENCE)


def is_slow(calibration: Calibration) -> bool:
    """Whether a host is slower than budgets assume."""
    return calibration.total_seconds > SLOW_SECONDS


def is_emulated(host: str, image: str | None) -> bool:
    """Whether an image's programs run in an emulator there; both are platforms, ``OS/ARCH``."""
    if image is None:
        return False
    pair = (host.split("/")[1], image.split("/")[1])
    return pair[0] != pair[1] and pair not in _RUNS_TOO
