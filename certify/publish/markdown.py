"""Results as Markdown, for comments, wikis and the job summary of a CI system.

Text from an image is escaped, or put into a fenced block that it cannot close.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from certify.judge.excerpts import excerpt
from certify.model.result import Check, Result
from certify.model.terms import Status
from certify.publish import phrases
from certify.publish.indexes import index_text, index_verdicts
from certify.publish.phrases import STATUS_MARKS, mark_of
from certify.util.text import one_line, printable

LARGEST = 900_000
"""The most bytes of details, in UTF-8: GitHub rejects a job summary of more than 1 MiB."""
_EVIDENCE = 4000
_FINE = (phrases.Mark.PASSED, phrases.Mark.SKIPPED)

# All characters that are special in Markdown or HTML. A colon only before slashes, a dot only
# after www and an underscore only at the edge of a word: references stay legible in the source,
# and nothing turns into a link by itself.
_ACTIVE = re.compile(
    r"""["#$&*;<>@\[\\\]^`{|}~]|:(?=//)|(?<=www)\.|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])""",
    re.IGNORECASE,
)


def escaped(text: str) -> str:
    """Escape any text for Markdown, on one line."""
    return _ACTIVE.sub(lambda found: f"&#{ord(found[0])};", one_line(text, 1000))


def markdown(results: Sequence[Result]) -> str:
    """Return a table of all results, then the problems of each; ends with a newline.

    Details beyond :data:`LARGEST` bytes are left out, and a line at the end says so.
    """
    table = "\n".join(_table(results))
    whole = [f"- {escaped(index_text(each))}" for each in index_verdicts(results)]
    lines = [f"## certify: {escaped(phrases.tally(results))}", "", *whole]
    lines += ["", table] if whole else [table]
    room = LARGEST - len(table.encode())
    for number, result in enumerate(results):
        details = "\n".join(_details(result))
        room -= len(details.encode())
        if room < 0:
            left = len(results) - number
            lines += ["", f"The details of {left} more results are in the reports."]
            break
        lines += [details] if details else []
    return "\n".join(lines).rstrip("\n") + "\n"


def _table(results: Sequence[Result]) -> Iterator[str]:
    if not results:
        return
    yield "| image | profile | verdict | boot | reason |"
    yield "| --- | --- | --- | ---: | --- |"
    room = LARGEST // 2
    for number, result in enumerate(results):
        boot = result.startup.boot_seconds
        reasons = result.verdict.reasons
        cells = (
            result.image.reference,
            result.profile,
            f"{STATUS_MARKS[result.verdict.status]} {phrases.verdict_of(result)}",
            "" if boot is None else phrases.seconds(boot),
            reasons[0].cause if reasons else "",
        )
        row = f"| {' | '.join(map(escaped, cells))} |"
        room -= len(row.encode())
        if room < 0:
            yield f"\n{len(results) - number} more results are in the reports."
            return
        yield row


def _details(result: Result) -> Iterator[str]:
    """Yield a section on the problems of an image; nothing if it has none."""
    problems = [check for check in result.checks if mark_of(check) not in _FINE]
    if result.verdict.status is Status.CERTIFIED and not problems:
        return
    name = f"{result.image.reference} ({result.profile})"
    yield f"\n### {escaped(f'{phrases.verdict_of(result)}: {name}')}\n"
    for reason in result.verdict.reasons:
        yield f"- {escaped(reason.cause)}"
        if reason.remedy.strip():
            yield f"  <br>→ {escaped(' '.join(printable(reason.remedy).split()))}"
        yield from _evidence(reason.evidence)
    for check in problems:
        yield from _check(check)
    if reproduce := printable(result.launch.reproduce, limit=_EVIDENCE).strip():
        yield f"\nTo reproduce:\n\n{_fenced(reproduce)}"


def _check(check: Check) -> Iterator[str]:
    waived = f", waived: {phrases.waiver_text(check.waiver)}" if check.waiver else ""
    heading = f"{mark_of(check)} {check.id} {check.outcome.value} ({check.level.value}{waived})"
    yield f"\n**{escaped(heading)}** {escaped(check.message or check.title)}"
    yield from _evidence(check.evidence)


def _evidence(text: str) -> Iterator[str]:
    evidence = excerpt(printable(text).strip("\n"), _EVIDENCE)
    if evidence.strip():
        yield f"\n<details><summary>Evidence</summary>\n\n{_fenced(evidence)}\n\n</details>"


def _fenced(text: str) -> str:
    """Return a fenced code block with a fence longer than any run of backticks in the text."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"
