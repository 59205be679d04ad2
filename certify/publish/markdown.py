"""Results as Markdown, for comments, wikis and the job summary of a CI system.

Whatever comes from an image is escaped, or stands in a fence that it cannot close.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from certify.judge.diagnosis import abridged
from certify.model.result import Check, Reason, Result
from certify.model.terms import Status
from certify.publish import phrases
from certify.publish.phrases import STATUS_MARKS, mark_of
from certify.util.text import one_line, printable

LARGEST = 900_000
"""Bytes of details, in UTF-8: GitHub refuses a job summary of more than 1 MiB."""
_EVIDENCE = 4000
_WELL = (phrases.Mark.PASSED, phrases.Mark.SKIPPED)

# Everything that Markdown or HTML could take for more than itself. A colon only before
# slashes, a dot only after www and an underscore only at the rim of a word: so that
# references stay legible in the source, and nothing turns into a link by itself.
_ACTIVE = re.compile(
    r"""["#$&*;<>@\[\\\]^`{|}~]|:(?=//)|(?<=www)\.|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])""",
    re.IGNORECASE,
)


def escaped(text: str) -> str:
    """Text as Markdown shows it, whatever it holds; on one line."""
    return _ACTIVE.sub(lambda found: f"&#{ord(found[0])};", one_line(text, 1000))


def markdown(results: Sequence[Result]) -> str:
    """A table of all results, then what is not well with each; ends with a newline.

    Details that would make it longer than :data:`LARGEST` are left out, and that is said.
    """
    table = "\n".join(_table(results))
    lines = [f"## certify: {escaped(phrases.tally(results))}", "", table]
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
    yield "| image | profile | verdict | boot | why |"
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
            _told(reasons[0]) if reasons else "",
        )
        row = f"| {' | '.join(map(escaped, cells))} |"
        room -= len(row.encode())
        if room < 0:
            yield f"\n{len(results) - number} more results are in the reports."
            return
        yield row


def _details(result: Result) -> Iterator[str]:
    """A section on what is not well; nothing for an image with which all is."""
    bad = [check for check in result.checks if mark_of(check) not in _WELL]
    if result.verdict.status is Status.CERTIFIED and not bad:
        return
    name = f"{result.image.reference} ({result.profile})"
    yield f"\n### {escaped(f'{phrases.verdict_of(result)}: {name}')}\n"
    for reason in result.verdict.reasons:
        yield f"- {escaped(_told(reason))}"
        if reason.remedy.strip():
            yield f"  <br>→ {escaped(' '.join(printable(reason.remedy).split()))}"
        yield from _evidence(reason.evidence)
    for check in bad:
        yield from _check(check)
    if reproduce := printable(result.launch.reproduce, limit=_EVIDENCE).strip():
        yield f"\nTo reproduce:\n\n{_fenced(reproduce)}"


def _check(check: Check) -> Iterator[str]:
    waived = f", waived: {phrases.waiver_text(check.waiver)}" if check.waiver else ""
    said = f"{mark_of(check)} {check.id} {check.outcome.value} ({check.level.value}{waived})"
    yield f"\n**{escaped(said)}** {escaped(check.message or check.title)}"
    yield from _evidence(check.evidence)


def _evidence(text: str) -> Iterator[str]:
    evidence = abridged(printable(text).strip("\n"), _EVIDENCE)
    if evidence.strip():
        yield f"\n<details><summary>Evidence</summary>\n\n{_fenced(evidence)}\n\n</details>"


def _told(reason: Reason) -> str:
    return f"{reason.check}: {reason.text}" if reason.check else reason.text


def _fenced(text: str) -> str:
    """A block of code that ends where it should, however many backticks are in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"
