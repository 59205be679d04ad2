"""Text layout for a terminal: paragraphs with a hanging indent, and excerpts of evidence.

Unlike Rich's own padding and tables, these leave no trailing blanks, which a pipe or a paste
would keep.
"""

from __future__ import annotations

from textwrap import wrap

from rich.cells import cell_len, chop_cells
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from certify.judge.excerpts import pick_lines
from certify.util.text import line_breaks, printable

EVIDENCE_ROWS = 12
"""The most rows of evidence shown for one check; the JSON has all of it."""


class Paragraph:
    """A paragraph, wrapped at words, with a prefix for its first line and one for the rest.

    Paths, addresses, references and `commands` stay whole, so that they can be pasted: one that is
    too long for a line runs on beyond it, unless it is printed with ``crop=True``.
    """

    def __init__(self, text: Text, *, first: str = "", rest: str | None = None) -> None:
        self.text = text
        self.first = first
        self.rest = " " * cell_len(first) if rest is None else rest

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Wrap to the available width."""
        room = max(options.max_width - max(cell_len(self.first), cell_len(self.rest)), 10)
        begin = self.first
        for part in self.text.split("\n", allow_blank=True):
            part.expand_tabs()
            for line in part.divide(line_breaks(part.plain, room, cell_len)):
                line.rstrip()
                yield Text.assemble(begin, line, no_wrap=True, overflow="ignore")
                begin = self.rest


def evidence_rows(evidence: str, width: int, most: int = EVIDENCE_ROWS) -> list[str]:
    """Return evidence as rows of at most ``width`` cells; the ``most`` important ones of many."""
    # The limit keeps wrapping fast; the rows shown lie near both ends anyway.
    text = printable(evidence, limit=200_000).strip("\n").expandtabs(4)
    lines = [line.rstrip() for line in text.split("\n")]
    folded = [_folded(line, width) for line in lines]
    rows = [row for each in folded for row in each]
    if len(rows) <= most:
        return rows if text.strip() else []
    important = pick_lines(lines, [len(each) for each in folded], most - 1)
    shown = [row for index in important for row in folded[index]]
    if len(shown) < 2:  # a single line fills all the rows
        shown = [rows[0], *rows[2 - most :]]
    return [shown[0], f"… {len(rows) - len(shown)} lines left out …", *shown[1:]]


def _folded(line: str, width: int) -> list[str]:
    """Wrap a line at blanks where possible; columns and indents that fit stay unchanged."""
    wrapped = wrap(line, width, expand_tabs=False, replace_whitespace=False, break_on_hyphens=False)
    # The standard library counts characters, but some take two cells.
    return [row for part in wrapped for row in chop_cells(part, width)] or [""]


def plain_table() -> Table:
    """Return a table without lines and header, whose first column keeps its width."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    return table


def no_wrap(text: str, style: str = "") -> Text:
    """Return one line that is never wrapped or cut, so that it can be selected and pasted."""
    return Text(text, style, no_wrap=True, overflow="ignore")
