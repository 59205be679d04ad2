"""What is not well with a result, each thing told once: reasons, checks, what nobody asked.

The verdict's reasons and the checks often say the same. A reason that a check below tells is
told there; a check that has nothing of its own to show (skipped, or unknown without evidence)
shares a paragraph with those that say the same; advice is given where it first applies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from certify.model.result import Check, Reason, Result, Waived
from certify.model.terms import Level, Outcome, Status
from certify.publish.layout import Paragraph, evidence_rows, unbroken
from certify.publish.phrases import Mark, mark_of, waiver_text
from certify.util.text import one_line, printable

MARK_STYLES = {
    Mark.PASSED: "green",
    Mark.FAILED: "red",
    Mark.UNKNOWN: "yellow",
    Mark.NOTED: "yellow",
    Mark.SKIPPED: "dim",
}
MANY = 10
"""From so many checks on, a paragraph that holds all but the failed ones only counts them."""

_TOLD_MARKS = (Mark.FAILED, Mark.UNKNOWN, Mark.NOTED)
_QUIET_WORDS = {Outcome.SKIPPED: "not asked", Outcome.UNKNOWN: "unknown"}


class ProblemSections:
    """Sorts out which of a result's reasons and checks is told where."""

    def __init__(self, result: Result, width: int) -> None:
        self._width = width
        self._advice_given: set[str] = set()
        self._evidence_shown: dict[tuple[str, ...], str] = {}
        self._result = result
        self._quiet = _quiet_groups(result.checks)
        quiet = {check.id for group in self._quiet for check in group}
        self._told = sorted(
            (c for c in result.checks if mark_of(c) in _TOLD_MARKS and c.id not in quiet),
            key=lambda check: _TOLD_MARKS.index(mark_of(check)),
        )

    def sections(self) -> Iterator[list[RenderableType]]:
        """What to show, in order; a blank line belongs between two sections."""
        reasons = list(self._reasons())
        # What kept a check from being asked is the point only where nothing was found wrong.
        rejected = self._result.verdict.status is Status.REJECTED
        if not rejected:
            yield reasons
        for check in self._told:
            yield list(self._check(check))
        if rejected:
            yield reasons
        yield list(self._paragraphs(reasons_told=bool(reasons)))

    def _reasons(self) -> Iterator[RenderableType]:
        reasons = self._result.verdict.reasons
        elsewhere = [reason for reason in reasons if self._is_told_below(reason)]
        if len(elsewhere) == len(reasons) and not self._told:
            elsewhere = []  # a verdict without a word below it would puzzle
        for reason in reasons:
            if reason not in elsewhere:
                text = Text(_sentence(reason.text))
                if reason.check:
                    text.append(f" ({one_line(reason.check)})", "dim")
                yield Paragraph(text, first="  ")
                yield from self._evidence(reason.evidence, "the verdict")
                yield from self._advice(reason.remedy)
        if not self._result.checks and not reasons:
            yield Paragraph(Text("No check could be asked, and nobody said why."), first="  ")

    def _is_told_below(self, reason: Reason) -> bool:
        if reason.evidence:
            return False
        if any(_extends(reason, check) for check in self._told):
            return True
        for group in self._quiet:
            message = _sentence(group[0].message)
            of_group = reason.check is None or reason.check in {check.id for check in group}
            if of_group and (reason.text == message or reason.text.startswith(f"{message} (")):
                return True
        return False

    def _check(self, check: Check) -> Iterator[RenderableType]:
        mark = mark_of(check)
        style = MARK_STYLES[mark]
        heading = Text.assemble((f"{mark} ", style), (one_line(check.id), "bold"))
        heading.append(f" {check.outcome.value}", style)
        yield Paragraph(heading.append(_aside(check), "dim"))
        # Where the verdict tells the same thing, it knows more, and knows best what to do: the
        # fault may lie with the host, and the check knows only about images.
        reasons = [r for r in self._result.verdict.reasons if _extends(r, check)]
        message = reasons[0].text if reasons else check.message
        yield Paragraph(Text(_sentence(message) or one_line(check.title)), first="  ")
        yield from self._evidence(check.evidence, one_line(check.id))
        remedies = [*(reason.remedy for reason in reasons), check.remedy]
        yield from self._advice(next(filter(str.strip, remedies), ""))

    def _evidence(self, evidence: str, whose: str) -> Iterator[RenderableType]:
        rows = evidence_rows(evidence, max(self._width - 4, 10))
        first = self._evidence_shown.setdefault(tuple(rows), whose)
        if rows and first != whose:
            rows = [f"(seen: the same as for {first})"]
        yield from (unbroken(f"    {row}".rstrip(), "dim") for row in rows)

    def _advice(self, remedy: str) -> Iterator[RenderableType]:
        told = _sentence(" ".join(printable(remedy).split()))
        if told and told not in self._advice_given:
            self._advice_given.add(told)
            yield Paragraph(Text(told), first="  → ")

    def _paragraphs(self, *, reasons_told: bool) -> Iterator[RenderableType]:
        """The checks that have nothing of their own to show, those with one cause together."""
        for group in self._quiet:
            if len(group) == len(self._result.checks) and reasons_told:
                return  # the reasons and the count say it all
            rest = len(group) == len(self._result.checks) - len(self._told)
            ids = ", ".join(one_line(check.id) for check in group)
            named = f"all {len(group)} others" if rest and len(group) >= MANY else ids
            outcome = group[0].outcome
            waiver = group[0].waiver
            text = Text.assemble(_QUIET_WORDS[outcome], ", waived" if waiver else "", ": ", named)
            if message := _waived_sentence(group[0]):
                text.append(f" — {message}", "dim")
            yield Paragraph(text, first=f"{mark_of(group[0])} ")


def _quiet_groups(checks: Sequence[Check]) -> list[list[Check]]:
    """Skipped checks, and several unknown ones that say the same and show nothing."""
    groups: dict[tuple[Outcome, str, Waived | None], list[Check]] = {}
    for check in checks:
        silent = check.outcome is Outcome.UNKNOWN and not check.evidence.strip()
        if silent or check.outcome is Outcome.SKIPPED:
            alike = (check.outcome, _sentence(check.message), check.waiver)
            groups.setdefault(alike, []).append(check)
    return [group for group in groups.values() if group[0].outcome is Outcome.SKIPPED or group[1:]]


def _extends(reason: Reason, check: Check) -> bool:
    """Whether the reason says what the check says, and perhaps more."""
    return reason.check == check.id and _sentence(reason.text).startswith(_sentence(check.message))


def _aside(check: Check) -> str:
    if check.waiver is not None:
        return f", waived: {waiver_text(check.waiver)}"
    return "" if check.level is Level.REQUIRED else f" ({check.level.value})"


def _waived_sentence(check: Check) -> str:
    said = (_sentence(check.message), waiver_text(check.waiver) if check.waiver else "")
    return "; ".join(filter(None, said))


def _sentence(text: str) -> str:
    return one_line(text, 600)
