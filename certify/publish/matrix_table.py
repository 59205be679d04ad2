"""One table of the matrix for a terminal; a wider one shows more columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len
from rich.console import JustifyMethod
from rich.table import Table
from rich.text import Text

from certify.model.result import Result
from certify.model.terms import Grade, Status
from certify.publish import phrases
from certify.publish.matrix_data import (
    LISTED,
    Section,
    cell_of,
    problem_checks,
    short_references,
)
from certify.publish.phrases import Mark, mark_of
from certify.publish.problems import MARK_STYLES
from certify.publish.text import STATUS_STYLES
from certify.util.text import one_line

SHORTEST_REFERENCE = 16
"""The fewest terminal cells of a reference, so that two of them still differ."""
LEGIBLE_REFERENCE = 40
"""The fewest terminal cells of a reference in a layout with all columns."""
NARROWEST_LIST = 26
"""The fewest terminal cells for a list of checks; fewer would break their ids."""
_HEADER_CUT = 4
"""The letters before the hyphen in the header of a narrow column."""


@dataclass(frozen=True)
class _Column:
    header: str
    cells: tuple[Text, ...]
    justify: JustifyMethod = "left"

    @property
    def width(self) -> int:
        lines = [*self.header.split("\n"), *(cell.plain for cell in self.cells)]
        return max(map(cell_len, lines))


@dataclass(frozen=True)
class _Layout:
    """The columns to the right of the references, and the space that all need."""

    columns: tuple[_Column, ...]
    gap: int = 2
    reference: int = LEGIBLE_REFERENCE
    """The fewest terminal cells of a reference in this layout."""
    lists: bool = False
    """True if a last column lists the ids of the checks that did not pass."""

    def room(self, width: int) -> int:
        """Return the cells left for references, and for the list if there is one."""
        taken = sum(column.width + self.gap for column in self.columns)
        return width - taken - (self.gap if self.lists else 0)


def table(section: Section, width: int, now: datetime) -> Table:
    """Return the results of a section in at most ``width`` columns, as they stand ``now``."""
    _, references = short_references(section.results)
    longest = max(map(cell_len, [*references, "reference"]))
    for layout in _layouts(section, now):
        needed = min(longest, layout.reference) + (NARROWEST_LIST if layout.lists else 0)
        if layout.room(width) >= needed:
            break
    spare = layout.room(width) - (NARROWEST_LIST if layout.lists else 0)
    room = max(min(longest, spare), 1)
    shown = Table(box=None, pad_edge=False, padding=(0, layout.gap, 0, 0), header_style="dim")
    shown.add_column("reference", width=room, no_wrap=True, vertical="top")
    for column in layout.columns:
        shown.add_column(
            Text(column.header), width=column.width, justify=column.justify, no_wrap=True
        )
    columns = [[Text(phrases.shorten_middle(reference, room)) for reference in references]]
    columns += [list(column.cells) for column in layout.columns]
    if layout.lists:
        shown.add_column("not passed", width=layout.room(width) - room, overflow="fold")
        columns.append([_listed(result) for result in section.results])
    for row in zip(*columns, strict=True):
        shown.add_row(*row)
    return shown


def _layouts(section: Section, now: datetime) -> Iterator[_Layout]:
    """Yield layouts from the widest to the narrowest."""
    results, groups = section.results, section.groups
    named = tuple(_group(results, [group], one_line(group)) for group in groups)
    verdict, brief = (_verdicts(results, now, extra=extra) for extra in (True, False))
    boot = _boot(results)
    age = _Column("age", tuple(Text(phrases.age(r.finished_at, now)) for r in results), "right")
    digest = _Column("digest", tuple(Text(_digest(result), "dim") for result in results))
    lists = any(map(problem_checks, results))

    def layout(*columns: _Column, lists: bool = False) -> _Layout:
        return _Layout(_not_empty(columns), lists=lists)

    yield layout(verdict, *named, boot, age, digest, lists=lists)
    yield layout(verdict, *named, boot, age, lists=lists)
    yield layout(verdict, *named, boot, age)
    yield layout(brief, *named, boot)
    short = tuple(_group(results, [group], _hyphenated(one_line(group))) for group in groups)
    yield _tight(brief, *short, boot)
    for count in range(len(groups) - 2, -1, -1):
        yield _tight(brief, *short[:count], _group(results, groups[count:], "other"), boot)
    yield _tight(brief)


def _not_empty(columns: Sequence[_Column]) -> tuple[_Column, ...]:
    return tuple(column for column in columns if any(cell.plain for cell in column.cells))


def _tight(*columns: _Column) -> _Layout:
    return _Layout(_not_empty(columns), gap=1, reference=SHORTEST_REFERENCE)


def _group(results: Sequence[Result], groups: Sequence[str], header: str) -> _Column:
    cells = (cell_of(result, groups) for result in results)
    return _Column(
        header,
        tuple(Text(cell.brief, MARK_STYLES[cell.mark] if cell.mark else "") for cell in cells),
    )


def _verdicts(results: Sequence[Result], now: datetime, *, extra: bool) -> _Column:
    return _Column("verdict", tuple(_verdict(result, now, extra) for result in results))


def _verdict(result: Result, now: datetime, extra: bool) -> Text:
    """Return the mark with the grade or status; ``extra`` adds the seconds that installing took."""
    status, grade = result.verdict.status, result.verdict.grade
    mark = phrases.status_mark(result, now)
    if phrases.status_of(result, now) == phrases.EXPIRED:
        return Text(f"{mark} {phrases.EXPIRED}", STATUS_STYLES[Status.INCONCLUSIVE])
    word = grade.value if status is Status.CERTIFIED and grade else status.value
    spent = result.startup.provision_seconds
    if extra and grade is Grade.ON_LAUNCH and spent is not None:
        word += f" +{phrases.seconds(spent)}"
    word += phrases.waived_suffix(result)
    return Text(f"{mark} {word}", STATUS_STYLES[status])


def _boot(results: Sequence[Result]) -> _Column:
    durations = (result.startup.boot_seconds for result in results)
    cells = tuple(Text("" if s is None else phrases.seconds(s)) for s in durations)
    return _Column("boot", cells, "right")


def _digest(result: Result) -> str:
    identity = result.image.identity
    return one_line(identity.partition(":")[2] or identity)[:12]


def _listed(result: Result) -> Text:
    found = problem_checks(result)
    if len(found) > LISTED and all(mark_of(check) is Mark.UNKNOWN for check in found):
        return Text(phrases.cause_of(result), MARK_STYLES[Mark.UNKNOWN])  # nothing was asked
    ids = [Text(one_line(check.id), MARK_STYLES[mark_of(check)]) for check in found[:LISTED]]
    rest = [Text(f"{len(found) - LISTED} more")] if len(found) > LISTED else []
    return Text(", ").join([*ids, *rest])


def _hyphenated(name: str) -> str:
    if len(name) <= _HEADER_CUT + 1:
        return name
    return f"{name[:_HEADER_CUT]}-\n{phrases.shorten_middle(name[_HEADER_CUT:], _HEADER_CUT + 1)}"
