"""Words, symbols and number formats that all reports share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

from rich.cells import cell_len, chop_cells

from certify.ledger.summaries import once_per_outcomes
from certify.model.result import Alternative, AppliedWaiver, BootRank, Check, Result
from certify.model.terms import Grade, Level, Outcome, Status
from certify.util.text import one_line


class Mark(StrEnum):
    """The meaning of a check for the verdict, as a symbol that needs no colour."""

    PASSED = "✓"
    FAILED = "✗"
    UNKNOWN = "?"
    SKIPPED = "–"
    NOTED = "!"
    """A failed check that is recommended, informative or waived."""


PROBLEMS = (Mark.FAILED, Mark.UNKNOWN, Mark.NOTED)
"""The marks of checks that a person should look at, the worst first."""

LEGEND = {
    Mark.PASSED: "passed",
    Mark.FAILED: "failed",
    Mark.NOTED: "failed, not required or waived",
    Mark.UNKNOWN: "unknown",
    Mark.SKIPPED: "skipped",
}

STATUS_MARKS = {
    Status.CERTIFIED: Mark.PASSED,
    Status.REJECTED: Mark.FAILED,
    Status.INCONCLUSIVE: Mark.UNKNOWN,
}

EXPIRED = "expired"
"""The status of a certificate that has expired; `Status` has no such member."""
_EXPIRED_MARK = "○"

OUTCOME_MARKS = {
    Outcome.PASSED: Mark.PASSED,
    Outcome.FAILED: Mark.FAILED,
    Outcome.UNKNOWN: Mark.UNKNOWN,
    Outcome.SKIPPED: Mark.SKIPPED,
}


def is_decisive(check: Check) -> bool:
    """Return True if the verdict depends on this check: it is required and not waived."""
    return check.level is Level.REQUIRED and check.waiver is None


def mark_of(check: Check) -> Mark:
    """Return the symbol of a check."""
    noted = check.outcome is Outcome.FAILED and not is_decisive(check)
    return Mark.NOTED if noted else OUTCOME_MARKS[check.outcome]


def status_of(result: Result, now: datetime | None = None) -> str:
    """Return the verdict in one word, ``expired`` for a certificate that has expired by ``now``.

    Without ``now``, this function and those below show the verdict as it was recorded.
    """
    certified = result.verdict.status is Status.CERTIFIED
    ended = certified and now is not None and result.expires_at <= now
    return EXPIRED if ended else result.verdict.status.value


def status_mark(result: Result, now: datetime | None = None) -> str:
    """Return the symbol for :func:`status_of`."""
    ended = status_of(result, now) == EXPIRED
    return _EXPIRED_MARK if ended else STATUS_MARKS[result.verdict.status]


def verdict_of(result: Result, now: datetime | None = None) -> str:
    """Return the whole verdict, such as ``CERTIFIED native, 1 waived`` or ``REJECTED``.

    ``CERTIFIED on-launch (+13.2 s)`` adds the seconds that installing took.
    """
    verdict, status = result.verdict, status_of(result, now)
    words = [status.upper()]
    if status == EXPIRED:
        return words[0]
    if verdict.status is Status.CERTIFIED and verdict.grade:
        words.append(verdict.grade.value)
        extra = result.startup.provision_seconds
        if verdict.grade is Grade.ON_LAUNCH and extra is not None:
            words.append(f"(+{seconds(extra)})")
    return " ".join(words) + waived_suffix(result)


def cause_of(result: Result) -> str:
    """Return the first reason of a verdict in one line, ``check: text``; empty without any."""
    return one_line(next((reason.cause for reason in result.verdict.reasons), ""), 300)


def waived_suffix(result: Result) -> str:
    """Return ``, 1 waived`` if a certificate depends on one waiver, an empty text without any."""
    waived = _waived(result.checks) if result.verdict.status is Status.CERTIFIED else 0
    return f", {waived} waived" if waived else ""


@once_per_outcomes
def _waived(checks: tuple[Check, ...]) -> int:
    """Return the number of required checks that are waived."""
    return sum(each.waiver is not None and each.level is Level.REQUIRED for each in checks)


def alternative_text(each: Alternative) -> str:
    """Return a recommended image as text: ``debian:12 (native)``."""
    grade = f" ({each.grade.value})" if each.grade else ""
    return f"{one_line(each.reference)}{grade}"


def isolation_text(result: Result) -> str:
    """Return the isolation of the launch, and what it does not protect from."""
    isolation = result.launch.isolation
    if result.launch.kind == "init" and isolation.startswith(("caps", "privileged")):
        lacks = result.launch.unconfined
        why = f"; certify's AppArmor profile is not used, as {lacks}" if lacks else ""
        return f"{isolation}: an image that means harm can take this host{why}"
    if isolation.startswith("apparmor"):
        return f"{isolation}: the known ways to this host are closed"
    return isolation


def waiver_text(waiver: AppliedWaiver) -> str:
    """Return ``reason (owner, until 2027-01-31, ticket)``, the day in UTC."""
    known = (waiver.owner, f"until {waiver.expires:%Y-%m-%d}", waiver.ticket)
    return f"{one_line(waiver.reason)} ({', '.join(one_line(each) for each in known if each)})"


def seconds(value: float) -> str:
    """Return a duration as text: ``0.8 s``, ``213 s``."""
    return f"{value:.1f} s" if value < 100 else f"{value:.0f} s"


def spread(samples: Sequence[float]) -> str:
    """Return the number and the range of measurements: ``median of 5, 0.7–1.1``."""
    return f"median of {len(samples)}, {min(samples):.1f}–{max(samples):.1f}"


def rank_text(rank: BootRank) -> str:
    """Return the rank of a boot: ``rank 3 of 40, faster than 95 %``."""
    return f"rank {rank.rank} of {rank.images}, faster than {rank.faster_than_percent} %"


def age(moment: datetime, now: datetime) -> str:
    """Return the age of something in its largest unit: ``12 min``, ``5 h``, ``3 d``."""
    minutes = max(int((now - moment).total_seconds()) // 60, 0)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} d"


def tally(results: Iterable[Result], now: datetime | None = None) -> str:
    """Count results: ``5 certified (2 native, 3 on-launch), 2 rejected``; zeros are left out."""
    statuses: Counter[str] = Counter()
    grades: Counter[Grade | None] = Counter()
    for result in results:
        status = status_of(result, now)
        statuses[status] += 1
        if status == Status.CERTIFIED:
            grades[result.verdict.grade] += 1
    graded = ", ".join(f"{grades[grade]} {grade.value}" for grade in Grade if grades[grade])
    counts = [
        f"{statuses[status]} {status}"
        + (f" ({graded})" if status == Status.CERTIFIED and graded else "")
        for status in (*map(str, Status), EXPIRED)
        if statuses[status]
    ]
    return ", ".join(counts) or "no results"


def shorten_middle(text: str, width: int) -> str:
    """Shorten a text to ``width`` terminal cells; an ellipsis replaces its middle."""
    if cell_len(text) <= width:
        return text
    if width < 3:
        return "…"[:width]
    # The end of a reference (name, tag) matters more than its beginning (the registry).
    head = (width - 1) // 3
    tail = width - 1 - head
    last = chop_cells(text[::-1], tail)[0][::-1]
    first = chop_cells(text, head)[0] if head else ""
    return f"{first}…{last}"
