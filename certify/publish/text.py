"""What a person reads at the end of a run: the verdict first, then only what is not well.

Words never depend on colour, rows fit the width, and nothing in the data is markup.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.constrain import Constrain
from rich.rule import Rule
from rich.text import Text

from certify.model import Check, Level, Outcome, Reason, Result, Status
from certify.publish import phrases
from certify.publish.layout import Hanging, evidence_rows, unbroken
from certify.publish.phrases import Mark
from certify.safetext import one_line, printable

READABLE_WIDTH = 100
"""Prose does not run across a wider terminal than this."""

STATUS_STYLES = {
    Status.CERTIFIED: "bold green",
    Status.REJECTED: "bold red",
    Status.INCONCLUSIVE: "bold yellow",
}
MARK_STYLES = {
    Mark.PASSED: "green",
    Mark.FAILED: "red",
    Mark.UNKNOWN: "yellow",
    Mark.NOTED: "yellow",
    Mark.SKIPPED: "dim",
}
_TOLD_MARKS = (Mark.FAILED, Mark.UNKNOWN, Mark.NOTED)
"""What is told check by check, and in which order."""

_LONGEST_SENTENCE = 600


def print_report(results: Sequence[Result], console: Console) -> None:
    """Print each result, and for several a line that sums them up."""
    width = min(console.width, READABLE_WIDTH)
    for number, result in enumerate(results):
        if number:
            console.print()
            console.print(Constrain(Rule(style="dim"), width))
            console.print()
        # Not cropped: the command to reproduce must leave here in one piece.
        console.print(render_result(result, width=width), crop=False)
    if len(results) != 1:
        console.print()
        console.print(Hanging(Text(f"{len(results)} results: {phrases.tally(results)}", "bold")))


def render_result(result: Result, *, width: int = 80) -> Group:
    """One result; all but the command to reproduce fits ``width`` columns.

    Print it with ``crop=False``, or the command is cut at the console's width.
    """
    told = sorted(
        (check for check in result.checks if phrases.mark_of(check) in _TOLD_MARKS),
        key=lambda check: _TOLD_MARKS.index(phrases.mark_of(check)),
    )
    sections = [
        _headline(result),
        _reasons(result, told),
        *_told(result, told, width),
        _not_asked(result.checks),
        _counts(result),
        _reproduce(result),
    ]
    lines: list[RenderableType] = []
    for section in filter(None, map(list, sections)):
        lines += [*([Text()] if lines else []), *section]
    return Group(*(line if isinstance(line, Text) else Constrain(line, width) for line in lines))


def _headline(result: Result) -> Iterator[RenderableType]:
    image = result.image
    style = STATUS_STYLES[result.verdict.status]
    verdict = Text.assemble((phrases.verdict_of(result), style), "  ")
    yield Hanging(verdict.append(one_line(image.reference), "bold"))
    facts = (
        result.profile,
        image.platform,
        image.os and (image.os.pretty_name or image.os.id),
        None if image.size_bytes is None else phrases.size(image.size_bytes),
    )
    yield Hanging(Text(" · ".join(one_line(fact) for fact in facts if fact), "dim"))


def _same(reason: Reason, check: Check) -> bool:
    """Whether the reason says no more than the check's own message."""
    return reason.check == check.id and one_line(reason.text) == one_line(check.message)


def _reasons(result: Result, told: Sequence[Check]) -> Iterator[RenderableType]:
    """The reasons that no check below tells in the same words."""
    remedies = {one_line(check.remedy) for check in told}
    skipped = {check.id for check in result.checks if check.outcome is Outcome.SKIPPED}
    for reason in result.verdict.reasons:
        # What was skipped because of a check that is told below is told there, in a group.
        follows = reason.check in skipped and bool(told)
        if follows or any(_same(reason, check) for check in told):
            continue
        yield Hanging(_reason_text(reason), first="  ")
        if reason.remedy.strip() and one_line(reason.remedy) not in remedies:
            yield _remedy(reason.remedy)
    if not result.checks and not result.verdict.reasons:
        yield Hanging(Text("No check could be asked, and nobody said why."), first="  ")


def _reason_text(reason: Reason) -> Text:
    text = Text(one_line(reason.text, _LONGEST_SENTENCE))
    return text.append(f" ({one_line(reason.check)})", "dim") if reason.check else text


def _told(result: Result, told: Sequence[Check], width: int) -> Iterator[Iterator[RenderableType]]:
    """Each check with what was seen (the same thing only once) and what to do about it."""
    seen: dict[str, str] = {}
    for check in told:
        rows = evidence_rows(check.evidence, max(width - 4, 10))
        first = seen.setdefault("\n".join(rows), check.id)
        if rows and first != check.id:
            rows = [f"(seen: the same as for {one_line(first)})"]
        # Where the verdict tells the same thing, it knows best what to do: the fault may
        # lie with the host, and the check knows only about images.
        remedies = [reason.remedy for reason in result.verdict.reasons if _same(reason, check)]
        yield _check(check, rows, next(filter(str.strip, [*remedies, check.remedy]), ""))


def _check(check: Check, rows: Sequence[str], remedy: str) -> Iterator[RenderableType]:
    mark = phrases.mark_of(check)
    style = MARK_STYLES[mark]
    heading = Text.assemble((f"{mark} ", style), (one_line(check.id), "bold"))
    yield Hanging(heading.append(f" {check.outcome.value}", style).append(_aside(check), "dim"))
    message = one_line(check.message, _LONGEST_SENTENCE) or one_line(check.title)
    yield Hanging(Text(message), first="  ")
    yield from (unbroken(f"    {row}".rstrip(), "dim") for row in rows)
    if remedy:
        yield _remedy(remedy)


def _aside(check: Check) -> str:
    if check.waiver is not None:
        return f" (waived: {one_line(check.waiver)})"
    return "" if check.level is Level.REQUIRED else f" ({check.level.value})"


def _remedy(remedy: str) -> Hanging:
    folded = " ".join(printable(remedy).split())
    return Hanging(Text(one_line(folded, _LONGEST_SENTENCE)), first="  → ")


def _not_asked(checks: Sequence[Check]) -> Iterator[RenderableType]:
    """Skipped checks, those with the same cause in one paragraph."""
    groups: dict[str, list[str]] = {}
    for check in checks:
        if check.outcome is Outcome.SKIPPED:
            message = one_line(check.message, _LONGEST_SENTENCE)
            groups.setdefault(message, []).append(one_line(check.id))
    for message, ids in groups.items():
        text = Text.assemble("not asked: ", ", ".join(ids))
        if message:
            text.append(f" — {message}", "dim")
        yield Hanging(text, first=f"{Mark.SKIPPED} ")


def _counts(result: Result) -> Iterator[RenderableType]:
    outcomes = Counter(check.outcome for check in result.checks)
    words = {outcome: outcome.value for outcome in Outcome} | {Outcome.SKIPPED: "not asked"}
    if result.checks:
        counted = (f"{outcomes[o]} {words[o]}" for o in Outcome if outcomes[o])
        yield Hanging(Text(" · ".join(counted)))
    startup = result.startup
    durations = {
        "boot": startup.boot_seconds,
        "dockerd": startup.dockerd_seconds,
        "provision": startup.provision_seconds,
    }
    asked = [check for check in result.checks if check.outcome is not Outcome.SKIPPED]
    timing = [f"{name} {phrases.seconds(s)}" for name, s in durations.items() if s is not None]
    if asked:
        spent = phrases.seconds(sum(check.seconds for check in asked))
        timing.append(f"{len(asked)} check{'s' * (len(asked) != 1)} in {spent}")
    if timing:
        yield Hanging(Text(" · ".join(timing), "dim"))


def _reproduce(result: Result) -> Iterator[RenderableType]:
    command = printable(result.launch.reproduce).strip()
    if command:
        yield Text("To reproduce:", "dim")
        yield from (unbroken(line) for line in command.split("\n"))
