"""The problems of one result for a terminal: reasons, failed checks and skipped checks.

The verdict's reasons and the checks often have the same text, so each text is shown once. A
reason that equals the message of a check is shown with that check. Checks without evidence
(skipped, or unknown) share a paragraph if their messages are equal. A remedy is shown where it
first applies. In brief, evidence and remedy are those of the first failure, or of the first check
that decides and was not answered; the others take a line each, those that are not required share
one, and skipped checks are only counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from certify.model.result import AppliedWaiver, Check, Reason, Result
from certify.model.terms import Level, Outcome, Status
from certify.publish.layout import EVIDENCE_ROWS, Paragraph, evidence_rows, no_wrap
from certify.publish.phrases import PROBLEMS, Mark, mark_of, waiver_text
from certify.util.text import counted, one_line, printable

MARK_STYLES = {
    Mark.PASSED: "green",
    Mark.FAILED: "red",
    Mark.UNKNOWN: "yellow",
    Mark.NOTED: "yellow",
    Mark.SKIPPED: "dim",
}
MANY = 10
"""The number of checks from which a paragraph counts "all others" instead of naming them."""

MOST_LINES = 6
"""The most decisive failures that a brief report names."""
BRIEF_EVIDENCE = 8
"""The most rows of evidence in a brief report of one failure; of several, it has fewer."""


class ProblemSections:
    """Decides where each reason and each check of a result is shown, and renders it."""

    def __init__(self, result: Result, width: int, *, verbose: bool = True) -> None:
        self._width = width
        self._verbose = verbose
        self._shown_remedies: set[str] = set()
        self._shown_evidence: dict[tuple[str, ...], str] = {}
        self._result = result
        self._groups = _groups_without_evidence(result.checks)
        grouped = {check.id for group in self._groups for check in group}
        self._single = sorted(
            (c for c in result.checks if mark_of(c) in PROBLEMS and c.id not in grouped),
            key=lambda check: PROBLEMS.index(mark_of(check)),
        )

    def sections(self) -> Iterator[list[RenderableType]]:
        """Yield the sections in order; print a blank line between two of them."""
        reasons = list(self._reasons())
        # Failed checks explain a rejection better than reasons about skipped ones, so they
        # come first there.
        rejected = self._result.verdict.status is Status.REJECTED
        if not rejected:
            yield reasons
        if not self._verbose:
            yield from self._brief()
            if rejected and not any(mark_of(each) is Mark.FAILED for each in self._single):
                yield reasons
            return
        for check in self._single:
            yield list(self._check(check))
        if rejected:
            yield reasons
        yield list(self._paragraphs(has_reasons=bool(reasons)))

    def _brief(self) -> Iterator[list[RenderableType]]:
        """Yield the first failure in full, and the others in a line each."""
        reasons = self._result.verdict.reasons
        explained = {reason.check for reason in reasons if not self._is_of_single_check(reason)}
        decisive = [check for check in self._single if mark_of(check) is Mark.FAILED]
        unknown = [
            check
            for check in self._single
            if mark_of(check) is Mark.UNKNOWN and check.id not in explained
        ]
        if not decisive:  # then what decides is what was not answered
            named = {reason.check for reason in reasons}
            decisive = [check for check in unknown if check.id in named]
            unknown = [check for check in unknown if check.id not in named]
        noted = [check for check in self._single if mark_of(check) is Mark.NOTED]
        minor = [check for check in noted if not check.waiver]
        others = [*(check for check in noted if check.waiver), *unknown]
        if decisive:
            yield list(self._check(decisive[0]))
        lines: list[RenderableType] = []
        for check in (*decisive[1:MOST_LINES], *others):
            mark = mark_of(check)
            line = Text.assemble((f"{mark} ", MARK_STYLES[mark]), (one_line(check.id), "bold"))
            line.append(_level_or_waiver(check), "dim")
            lines.append(Paragraph(line.append(f": {self._message(check)}"), rest="  "))
        if len(decisive) > MOST_LINES:
            mark = mark_of(decisive[-1])
            word = decisive[-1].outcome.value
            lines.append(Text(f"{mark} {len(decisive) - MOST_LINES} more {word}"))
        if minor:
            levels = "/".join(dict.fromkeys(check.level.value for check in minor))
            ids = ", ".join(one_line(check.id) for check in minor)
            text = Text(f"{counted(len(minor), f'{levels} check')} not met: {ids}")
            lines.append(Paragraph(text, first=f"{Mark.NOTED} "))
        yield lines

    def _reasons(self) -> Iterator[RenderableType]:
        reasons = self._result.verdict.reasons
        repeated = [reason for reason in reasons if self._is_shown_with_checks(reason)]
        if len(repeated) == len(reasons) and not (self._single and self._verbose):
            # Otherwise no text would follow the verdict: in brief, groups are only counted.
            repeated = [reason for reason in reasons if self._is_of_single_check(reason)]
        for reason in reasons:
            if reason not in repeated:
                text = Text(_sentence(reason.text))
                if reason.check:
                    text.append(f" ({one_line(reason.check)})", "dim")
                yield Paragraph(text, first="  ")
                yield from self._evidence(reason.evidence, "the verdict")
                yield from self._remedy(reason.remedy)
        if not self._result.checks and not reasons:
            yield Paragraph(Text("No check was run, and no reason was recorded."), first="  ")

    def _is_of_single_check(self, reason: Reason) -> bool:
        return not reason.evidence and any(_extends(reason, check) for check in self._single)

    def _is_shown_with_checks(self, reason: Reason) -> bool:
        if reason.evidence:
            return False
        if self._is_of_single_check(reason):
            return True
        for group in self._groups:
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
        yield Paragraph(heading.append(_level_or_waiver(check), "dim"))
        yield Paragraph(Text(self._message(check)), first="  ")
        yield from self._evidence(check.evidence, one_line(check.id))
        remedies = [*(reason.remedy for reason in self._reasons_about(check)), check.remedy]
        yield from self._remedy(next(filter(str.strip, remedies), ""))

    def _reasons_about(self, check: Check) -> list[Reason]:
        """Return the reasons of the verdict that say more than the check.

        They are more exact, and so are their remedies: the fault may lie with the host, while the
        check only knows about images.
        """
        return [each for each in self._result.verdict.reasons if _extends(each, check)]

    def _message(self, check: Check) -> str:
        texts = [*(reason.text for reason in self._reasons_about(check)), check.message]
        return _sentence(texts[0]) or one_line(check.title)

    def _evidence(self, evidence: str, owner: str) -> Iterator[RenderableType]:
        others = min(max(len(self._single) - 1, 0) + bool(self._result.recommendation), 4)
        most = EVIDENCE_ROWS if self._verbose else BRIEF_EVIDENCE - others
        rows = evidence_rows(evidence, max(self._width - 4, 10), most)
        first = self._shown_evidence.setdefault(tuple(rows), owner)
        if rows and first != owner:
            rows = [f"(the same evidence as for {first})"]
        yield from (no_wrap(f"    {row}".rstrip(), "dim") for row in rows)

    def _remedy(self, remedy: str) -> Iterator[RenderableType]:
        text = _sentence(" ".join(printable(remedy).split()))
        if text and text not in self._shown_remedies:
            self._shown_remedies.add(text)
            yield Paragraph(Text(text), first="  → ")

    def _paragraphs(self, *, has_reasons: bool) -> Iterator[RenderableType]:
        """Yield a paragraph for each group of checks without evidence."""
        for group in self._groups:
            if len(group) == len(self._result.checks) and has_reasons:
                return  # the reasons and the totals already show it
            rest = len(group) == len(self._result.checks) - len(self._single)
            ids = ", ".join(one_line(check.id) for check in group)
            named = f"all {len(group)} others" if rest and len(group) >= MANY else ids
            waiver = group[0].waiver
            text = Text.assemble(group[0].outcome.value, ", waived" if waiver else "", ": ", named)
            if message := _message_and_waiver(group[0]):
                text.append(f" — {message}", "dim")
            yield Paragraph(text, first=f"{mark_of(group[0])} ")


def _groups_without_evidence(checks: Sequence[Check]) -> list[list[Check]]:
    """Group skipped checks, and unknown ones without evidence, by message and waiver.

    A single unknown check forms no group: it is shown by itself.
    """
    groups: dict[tuple[Outcome, str, AppliedWaiver | None], list[Check]] = {}
    for check in checks:
        silent = check.outcome is Outcome.UNKNOWN and not check.evidence.strip()
        if silent or check.outcome is Outcome.SKIPPED:
            alike = (check.outcome, _sentence(check.message), check.waiver)
            groups.setdefault(alike, []).append(check)
    return [group for group in groups.values() if group[0].outcome is Outcome.SKIPPED or group[1:]]


def _extends(reason: Reason, check: Check) -> bool:
    """Return True if the reason's text begins with the check's message."""
    return reason.check == check.id and _sentence(reason.text).startswith(_sentence(check.message))


def _level_or_waiver(check: Check) -> str:
    if check.waiver is not None:
        return f", waived: {waiver_text(check.waiver)}"
    return "" if check.level is Level.REQUIRED else f" ({check.level.value})"


def _message_and_waiver(check: Check) -> str:
    texts = (_sentence(check.message), waiver_text(check.waiver) if check.waiver else "")
    return "; ".join(filter(None, texts))


def _sentence(text: str) -> str:
    return one_line(text, 600)
