"""Whether what took too long may be held against the image. Pure.

Budgets say what a platform's users wait for on an ordinary host. On a host that is far slower the
same image takes longer for no fault of its own, so being over budget proves nothing there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from certify.model import Calibration, Fault, Finding, Outcome, Value

SLOW_SECONDS = 2.0
"""Create, start, await and remove certify's probe container: a host that takes longer is slow.

Source: measured on a 2-core virtual machine, 0.22 to 0.28 s; hosts in ordinary use stay under
0.5 s, and budgets leave about that much room as well (a boot takes 0.8 s there, of 15 s allowed).
Four times as long as that is not ordinary.
"""

_TIMED = {
    "startup.boot": ("boot", "boot_seconds"),
    "startup.dockerd": ("dockerd", "dockerd_seconds"),
    "startup.provision": ("provision", "provision_seconds"),
    "systemd.shutdown": ("shutdown", "shutdown_seconds"),
}
"""Checks that fail when they are over a budget: the budget, and the fact that is held against it.

A boot that was given up is no fact of these; see :func:`settle`.
"""


class Start(Value):
    """How one launch of a candidate went."""

    boot_seconds: float | None = None
    """Null if it did not come up."""
    dockerd_seconds: float | None = None
    """Null if dockerd did not."""
    waited_seconds: float = 0.0
    """How long something was waited for in vain; 0 if nothing was."""
    failure: str = ""
    """Why it did not come up, in plain words; empty if it did."""
    evidence: str = ""
    fault: Fault = Fault.IMAGE
    """Where the cause of the failure lies."""


def is_slow(calibration: Calibration) -> bool:
    """Whether a host is slower than budgets assume."""
    return calibration.total_seconds > SLOW_SECONDS


def reconsider(
    finding: Finding,
    seconds: float,
    budget: float,
    calibration: Calibration | None,
    *,
    emulated: bool = False,
) -> Finding:
    """A failure that is one of being over budget, on a host for which budgets do not hold: unknown.

    ``calibration`` is null if the host's speed could not be measured: then nobody can say whether
    the budget holds, and that is not the image's fault either. ``emulated`` tells that the host
    does not run the candidate's programs by itself, which makes them many times slower. Anything
    else that was found stays as it is.
    """
    of_image = finding.outcome is Outcome.FAILED and finding.fault in (None, Fault.IMAGE)
    if not of_image or seconds <= budget:
        return finding
    if emulated:
        why = "the host emulates the image's architecture, which takes many times as long"
    elif calibration is None:
        why = "how fast the host is could not be measured"
    elif is_slow(calibration):
        why = (
            f"the host is slow: certify's own probe container took "
            f"{calibration.total_seconds:.1f} s, and budgets assume at most {SLOW_SECONDS:g} s"
        )
    else:
        return finding
    return finding.model_copy(
        update={
            "outcome": Outcome.UNKNOWN,
            "message": f"{finding.message or 'over budget'}; but {why}",
            "fault": Fault.HOST,
        }
    )


def over_budget(
    finding: Finding,
    facts: Mapping[str, Any],
    starts: Sequence[Start],
    budgets: Mapping[str, float],
) -> tuple[float, float] | None:
    """Seconds and budget of a failure that is one of being over budget; null for any other.

    ``facts`` are what the checks recorded of the first launch, ``starts`` all that was measured.
    """
    if finding.outcome is not Outcome.FAILED:
        return None
    waited = facts.get("waited_in_vain")
    if waited and finding.id in ("systemd.pid1", "systemd.state", "startup.provision"):
        return float(waited["seconds"]), budgets[waited["budget"]]
    if finding.id not in _TIMED:
        return None
    name, fact = _TIMED[finding.id]
    taken = [facts.get(fact) or 0.0, *(start.waited_seconds for start in starts)]
    budget = budgets[name]
    return (max(taken), budget) if max(taken) > budget else None
