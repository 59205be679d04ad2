"""The report of a run for a terminal: the problems, and last the verdict and the next steps.

What a person sees without scrolling is the end, so the end says what matters. A report in full
(``--verbose``) adds all evidence, skipped checks and the command to reproduce. It reads the same
without colour, its rows fit the width, and no text is taken for markup.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from rich.console import Console, Group, RenderableType
from rich.constrain import Constrain
from rich.filesize import decimal
from rich.rule import Rule
from rich.text import Text

from certify.model.result import CLOSED_NETWORK, Check, Result
from certify.model.terms import Level, Outcome, Status, Trust, WaiverState
from certify.publish import phrases
from certify.publish.indexes import index_text, index_verdicts
from certify.publish.layout import Paragraph, no_wrap
from certify.publish.problems import ProblemSections
from certify.util.text import counted, one_line, printable

READABLE_WIDTH = 100
"""The greatest width of prose, in columns, however wide the terminal is."""

STATUS_STYLES = {
    Status.CERTIFIED: "bold green",
    Status.REJECTED: "bold red",
    Status.INCONCLUSIVE: "bold yellow",
}

_WAIVER_ADVICE = {
    WaiverState.EXPIRED: (
        "expired, and therefore ignored",
        "Renew it if it is still needed, or remove it.",
    ),
    WaiverState.UNNEEDED: ("no longer needed, because the check passes", "Remove it."),
}


@dataclass(frozen=True)
class NextSteps:
    """What a person can do after a result, as far as the terminal cannot know it."""

    fix: bool = False
    """True if ``certify fix`` makes the image native."""
    page: str | None = None
    """The file with the page of the result."""


NextStepsOf = Callable[[Result], NextSteps]


def _no_steps(_result: Result) -> NextSteps:
    return NextSteps()


def print_report(
    results: Sequence[Result],
    console: Console,
    *,
    next_steps: NextStepsOf = _no_steps,
    verbose: bool = False,
) -> None:
    """Print each result, and a table with the totals if there are several.

    ``next_steps`` returns what can be done after a result.
    """
    width = min(console.width, READABLE_WIDTH)
    shown_causes = set()
    for number, result in enumerate(results):
        cause = "" if result.checks or not result.verdict.reasons else phrases.cause_of(result)
        if cause and cause in shown_causes:
            continue  # the table names it again
        shown_causes.add(cause)
        if number:
            console.print()
            console.print(Constrain(Rule(style="dim"), width))
            console.print()
        shown = render_result(result, width=width, next_steps=next_steps, verbose=verbose)
        # Uncropped, so that commands stay in one piece.
        console.print(shown, crop=False)
    if len(results) != 1:
        console.print()
        for row in _table(results, width):
            console.print(row)
        console.print(Paragraph(Text(f"{len(results)} results: {phrases.tally(results)}", "bold")))
    for verdict in index_verdicts(results):
        text = Text(index_text(verdict), STATUS_STYLES[verdict.status])
        console.print(Paragraph(text), crop=False)


def render_result(
    result: Result, *, width: int = 80, next_steps: NextStepsOf = _no_steps, verbose: bool = False
) -> Group:
    """Render one result; all but commands fits ``width`` columns.

    Print it with ``crop=False``; otherwise commands are cut at the console's width.
    """
    sections: list[list[RenderableType]] = [
        *ProblemSections(result, width, verbose=verbose).sections(),
        list(_waivers(result)),
        [Paragraph(each, first="  ") for each in _recommendation(result)]
        if verbose
        else [_cut(each, width) for each in islice(_recommendation(result), 1)],
        list(_reproduce(result)) if verbose else [],
        [*_verdict(result), *_counts(result), *_next_steps(result, width, next_steps(result))],
    ]
    lines: list[RenderableType] = []
    for section in filter(None, sections):
        lines += [*([Text()] if lines else []), *section]
    return Group(*(line if isinstance(line, Text) else Constrain(line, width) for line in lines))


def _table(results: Sequence[Result], width: int) -> Iterator[Text]:
    """Yield a line for each result: verdict, reference, profile if they differ, and the cause."""
    several = len({each.profile for each in results}) > 1
    verdicts = [phrases.verdict_of(each) for each in results]
    widest = max(map(len, verdicts), default=0)
    for verdict, result in zip(verdicts, results, strict=True):
        line = Text(f"{verdict:<{widest}}  ", STATUS_STYLES[result.verdict.status])
        line.append(one_line(result.image.reference), "bold")
        line.append(f" [{one_line(result.profile)}]" if several else "")
        if result.image.platforms[1:] and result.image.platform:
            line.append(f" {one_line(result.image.platform)}")
        if result.verdict.status is not Status.CERTIFIED and result.verdict.reasons:
            line.append(f" — {phrases.cause_of(result)}", "dim")
        line.truncate(width, overflow="ellipsis")
        yield line


def _verdict(result: Result) -> Iterator[RenderableType]:
    image = result.image
    style = STATUS_STYLES[result.verdict.status]
    verdict = Text.assemble((phrases.verdict_of(result), style), "  ")
    yield Paragraph(verdict.append(one_line(image.reference), "bold"))
    facts = (
        result.profile,
        image.platform,
        image.os and (image.os.pretty_name or image.os.id),
        None if image.size_bytes is None else decimal(image.size_bytes),
        None if image.trust is Trust.UNKNOWN else f"{image.trust.value} on Docker Hub",
    )
    yield Paragraph(Text(" · ".join(one_line(fact) for fact in facts if fact), "dim"))


def _waivers(result: Result) -> Iterator[RenderableType]:
    """Yield the waivers that need attention; those in force appear with their checks."""
    for state, advice in _WAIVER_ADVICE.items():
        for note in result.waivers:
            if note.state is state:
                text = Text.assemble(
                    f"waiver {advice[0]}: ",
                    (one_line(note.check), "bold"),
                    f" for {one_line(note.image)} — {phrases.waiver_text(note)}",
                )
                yield Paragraph(text, first=f"{phrases.Mark.NOTED} ")
        if any(note.state is state for note in result.waivers):
            yield Paragraph(Text(advice[1]), first="  → ")


def _cut(text: Text, width: int) -> Text:
    line = Text.assemble("  ", text)
    line.truncate(width, overflow="ellipsis")
    return line


def _recommendation(result: Result) -> Iterator[Text]:
    """Yield the certified image that this one is built on, and similar certified images."""
    found = result.recommendation
    if found is None:
        return
    if found.extends is not None:
        broke = "broke" if result.verdict.status is Status.REJECTED else "changed"
        yield Text(f"something above {phrases.alternative_text(found.extends)} {broke} it")
    nearest = [phrases.alternative_text(each) for each in found.closest if each != found.extends]
    if nearest:
        yield Text(f"certified and closest: {', '.join(nearest)}")


def _counts(result: Result) -> Iterator[RenderableType]:
    if result.checks:
        yield Paragraph(Text(" · ".join(_outcomes(result.checks))))
    startup = result.startup
    timed = {
        "boot": (startup.boot_seconds, startup.samples),
        "dockerd": (startup.dockerd_seconds, startup.dockerd_samples),
        "provision": (startup.provision_seconds, startup.provision_samples),
    }
    answers = (Outcome.PASSED, Outcome.FAILED)
    ran = [check for check in result.checks if check.outcome in answers or check.seconds]
    timing = [
        f"{name} {phrases.seconds(seconds)}"
        + (f" ({phrases.spread(samples)})" if len(samples) > 1 else "")
        for name, (seconds, samples) in timed.items()
        if seconds is not None
    ]
    if timing and result.boot_rank:  # only what booted has a rank, and its boot comes first
        timing[0] += f", {phrases.rank_text(result.boot_rank)}"
    if ran:
        spent = phrases.seconds(sum(check.seconds for check in ran))
        timing.append(f"{counted(len(ran), 'check')} in {spent}")
    if timing:
        yield Paragraph(Text(" · ".join(timing), "dim"))
    if result.launch.isolation not in ("", "auto") and ran:
        yield Paragraph(Text(f"isolation {one_line(phrases.isolation_text(result))}", "dim"))
    if result.launch.network not in ("", CLOSED_NETWORK) and ran:
        yield Paragraph(Text(f"network {one_line(result.launch.network)}", "dim"))


def _outcomes(checks: Sequence[Check]) -> Iterator[str]:
    """Yield the number of checks with each outcome, of recommended ones in words of their own."""
    optional = [c for c in checks if c.outcome is Outcome.FAILED and c.level is not Level.REQUIRED]
    for outcome in Outcome:
        mine = [c for c in checks if c.outcome is outcome and c not in optional]
        waived = sum(1 for check in mine if check.waiver)
        if mine:
            yield f"{len(mine)} {outcome.value}" + (f" ({waived} waived)" if waived else "")
    for level in (Level.RECOMMENDED, Level.INFO):
        if count := sum(1 for check in optional if check.level is level):
            words = {Level.INFO: "informative"}.get(level, level.value)
            yield f"{counted(count, f'{words} check')} not met"


def _next_steps(result: Result, width: int, steps: NextSteps) -> Iterator[Text]:
    """Yield the cause, what to do about it, and where to read more."""
    verdict, image = result.verdict, result.image
    if verdict.status is not Status.CERTIFIED and verdict.reasons and result.checks:
        cause = Text(f"Cause:  {phrases.cause_of(result)}")
        cause.truncate(width, overflow="ellipsis")
        yield cause
    name = printable(shlex.quote(image.reference))
    profile = "" if result.profile == "devspace" else f"--profile {shlex.quote(result.profile)} "
    if steps.fix:
        yield no_wrap(f"Fix:    certify fix {printable(profile)}{name}")
    if steps.page:
        yield no_wrap(f"Report: {printable(steps.page)}")
    known = image.identity  # what was not found cannot be started
    if verdict.status is not Status.CERTIFIED and result.launch.reproduce and known:
        yield no_wrap(f"Try it: certify reproduce {name}")
    if verdict.status is Status.INCONCLUSIVE:
        yield no_wrap("Help:   certify help inconclusive")


def _reproduce(result: Result) -> Iterator[RenderableType]:
    command = printable(result.launch.reproduce).strip()
    if command:
        yield Text("To reproduce:", "dim")
        yield from (no_wrap(line) for line in command.split("\n"))
