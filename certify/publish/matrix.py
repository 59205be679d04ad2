"""The compatibility matrix, images × groups of checks: for a terminal, as JSON and as Markdown.

A cell has a symbol, so that it reads the same without colour; see
:class:`certify.publish.matrix_data.Cell`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from rich.console import Console
from rich.text import Text

from certify.ledger.summaries import once_per_outcomes
from certify.model.clock import rfc3339
from certify.model.result import Check, Result
from certify.model.terms import Outcome, Status
from certify.publish import phrases
from certify.publish.best_for import best_for
from certify.publish.host_note import host_note
from certify.publish.layout import Paragraph
from certify.publish.markdown import escaped
from certify.publish.matrix_data import (
    LISTED,
    Section,
    cells_of,
    groups_of,
    problems_of,
    sections_of,
    short_references,
)
from certify.publish.matrix_table import table
from certify.publish.phrases import LEGEND
from certify.util.text import counted, one_line, safe_json

MATRIX_SCHEMA = "certify/matrix/v1"
FOLDED = 30
"""The most certified images of a section that Markdown shows unfolded."""


def print_matrix(
    results: Sequence[Result], console: Console, *, now: datetime | None = None
) -> None:
    """Print a table per profile and platform, a legend, and the totals.

    Ages are counted up to ``now``, and certificates count as expired by it; the default is the
    present.
    """
    now = now or datetime.now(UTC)
    for section in sections_of(results):
        prefix, _ = short_references(section.results)
        title = f"{section.title} · {prefix}…" if prefix else section.title
        console.print(Paragraph(Text(title, "bold")), crop=False)
        console.print()
        console.print(table(section, console.width, now))
        console.print()
        for line in _host_notes(section, now):
            console.print(Paragraph(Text(line)), crop=False)
    if results:
        console.print(Paragraph(Text(_legend(), "dim")))
        console.print(
            Paragraph(Text("✗ 2: two checks failed · native, on-launch: certified", "dim"))
        )
    console.print(Paragraph(Text(_total(results, now), "bold")))


def matrix_json(results: Sequence[Result], now: datetime) -> Iterator[str]:
    """Yield the matrix as JSON in parts: a line per result in the order given, and a newline.

    An expired certificate keeps its status; the reader compares ``expires_at`` with the clock. By
    ``now`` it is best for nothing.
    """
    best: dict[int, list[str]] = {}
    for each in best_for(results, now):
        best.setdefault(id(each.result), []).append(each.use)
    yield f'{{\n  "schema": {safe_json(MATRIX_SCHEMA)},\n  "rows": ['
    for number, result in enumerate(results):
        yield f"{',' * bool(number)}\n    {_row(result, best.get(id(result), []))}"
    end = "\n  " if results else ""
    yield f"{end}]\n}}\n"


def matrix_markdown(results: Sequence[Result], now: datetime) -> str:
    """Return the matrix as Markdown tables for GitHub and GitLab; ends with a newline.

    A certificate that has expired by ``now`` is shown as expired.
    """
    return "".join(markdown_lines(results, now))


def markdown_lines(results: Sequence[Result], now: datetime) -> Iterator[str]:
    """Yield the lines of :func:`matrix_markdown`."""
    return (f"{line}\n" for line in _markdown_lines(results, now))


def _markdown_lines(results: Sequence[Result], now: datetime) -> Iterator[str]:
    yield from ("# Compatibility matrix", "")
    for section in sections_of(results):
        yield from (f"## {escaped(section.title)}", "")
        yield from _markdown_tables(section, now)
        if notes := _host_notes(section, now):
            yield from (*(f"- {escaped(line)}" for line in notes), "")
    if results:
        yield from (_legend(), "", *_best_list(results, now))
    yield _total(results, now)
    if results:
        newest = max(result.finished_at for result in results).astimezone(UTC)
        yield from ("", f"Newest result: {newest:%Y-%m-%d %H:%M} UTC.")


def _host_notes(section: Section, now: datetime) -> list[str]:
    """Return a line for each image on which kinds of host differ."""
    notes = ((each.image.reference, host_note(each, now)) for each in section.results)
    return [f"{one_line(reference)}, {note}" for reference, note in notes if note]


def _best_list(results: Sequence[Result], now: datetime) -> list[str]:
    """Return a list of the images that are best for a use; empty if there are none."""
    found = []
    for each in best_for(results, now):
        among = f"best of {each.among}{each.platform and f' on {each.platform}'}"
        text = f"{each.use}: {each.result.image.reference} ({each.measured}, {among})"
        found.append(f"- {escaped(text)}")
    return ["Best for", "", *found, ""] if found else []


def _legend() -> str:
    return "  ".join(f"{mark} {meaning}" for mark, meaning in LEGEND.items())


def _total(results: Sequence[Result], now: datetime) -> str:
    if not results:
        return "no results"
    return f"{counted(len(results), 'result')}: {phrases.tally(results, now)}"


def _row(result: Result, best: Sequence[str]) -> str:
    """Return a row as JSON; what many rows share is made once."""
    image, startup = result.image, result.startup
    first = {
        "reference": image.reference,
        "digest": image.digest,
        "image_id": image.image_id,
        "platform": image.platform,
        "profile": result.profile,
        "status": result.verdict.status.value,
        "grade": result.verdict.grade and result.verdict.grade.value,
        "best_for": best,
        "boot_seconds": startup.boot_seconds,
        "provision_seconds": startup.provision_seconds,
    }
    last = {
        "finished_at": rfc3339(result.finished_at),
        "expires_at": rfc3339(result.expires_at),
        "hosts": [each.model_dump(mode="json") for each in result.hosts],
    }
    return f"{safe_json(first)[:-1]}, {_checks_json(result.checks)}, {safe_json(last)[1:]}"


@once_per_outcomes
def _checks_json(checks: tuple[Check, ...]) -> str:
    """Return what a row says of the checks, without braces."""
    fields = {
        "groups": _outcomes(checks),
        "not_passed": [
            {"id": check.id, "level": check.level.value, "outcome": check.outcome.value}
            for check in problems_of(checks)
        ],
        "waived": [check.id for check in checks if check.waiver],
    }
    return safe_json(fields)[1:-1]


_OUTCOMES = [(outcome, outcome.value) for outcome in Outcome]


def _outcomes(checks: tuple[Check, ...]) -> dict[str, dict[str, int]]:
    """Return the number of each outcome in each group."""
    groups = groups_of(checks).items()
    found = {group: [check.outcome for check in each] for group, each in groups}
    return {
        group: {word: each.count(outcome) for outcome, word in _OUTCOMES}
        for group, each in found.items()
    }


def _markdown_tables(section: Section, now: datetime) -> Iterator[str]:
    """Yield a table of what is not certified, which comes first, and one of what is.

    Many certified images are folded away.
    """
    found: dict[str, list[Result]] = {}
    for each in section.results:
        found.setdefault(phrases.status_of(each, now), []).append(each)
    rest = found.get(Status.CERTIFIED.value, [])
    order = (Status.REJECTED.value, Status.INCONCLUSIVE.value, phrases.EXPIRED)
    open_ones = [each for status in order for each in found.get(status, ())]
    if len(rest) <= FOLDED:
        yield from (*_markdown_table([*open_ones, *rest], section, now), "")
        return
    if open_ones:
        yield from _markdown_table(open_ones, section, now)
        yield ""
    yield from (f"<details><summary>{len(rest)} certified</summary>", "")
    yield from _markdown_table(rest, section, now)
    yield from ("", "</details>", "")


def _markdown_table(results: Sequence[Result], section: Section, now: datetime) -> Iterator[str]:
    groups = tuple(section.groups)
    header = ["reference", "verdict", "not passed", *map(escaped, groups), "boot"]
    yield f"| {' | '.join(header)} |"
    yield f"| {' | '.join(['---'] * len(header))} |"
    for result in results:
        boot = result.startup.boot_seconds
        certified = result.verdict.status is Status.CERTIFIED
        cells = (
            escaped(result.image.reference),
            _word(f"{phrases.status_mark(result, now)} {phrases.verdict_of(result, now)}"),
            *_markdown_cells(result.checks, certified, groups),
            "" if boot is None else phrases.seconds(boot),
        )
        yield f"| {' | '.join(cells)} |"


_word = lru_cache(maxsize=1_000)(escaped)
"""Escapes what many rows share."""


@once_per_outcomes
def _markdown_cells(
    checks: tuple[Check, ...], certified: bool, groups: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the checks that did not pass, and a cell for each group."""
    ids = [f"{check.id}{' (waived)' * bool(check.waiver)}" for check in problems_of(checks)]
    listed = ids[:LISTED] + ([f"{len(ids) - LISTED} more"] if len(ids) > LISTED else [])
    cells = cells_of(checks, certified)
    return tuple(map(escaped, (", ".join(listed), *(str(cells.get(each, "")) for each in groups))))
