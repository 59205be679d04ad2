"""Excerpts of evidence: the important lines of any text, in rows that fit."""

from __future__ import annotations

import io
import time

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console, Group
from rich.text import Text

from certify.publish.layout import EVIDENCE_ROWS, Paragraph, evidence_rows, no_wrap
from tests.factories import UNKNOWN_FAILURE

STEADY = settings(derandomize=True, deadline=None)
HOSTILE = st.text(st.characters(exclude_categories=()), min_size=1)


def printed(renderable: object, width: int) -> str:
    file = io.StringIO()
    Console(file=file, width=width).print(renderable, crop=False)
    return file.getvalue()


def test_a_paragraph_hangs_below_its_first_words() -> None:
    assert printed(Paragraph(Text("one two three four"), first="→ "), 12) == (
        "→ one two\n  three four\n"
    )
    assert printed(Paragraph(Text("one two three"), first="- ", rest="> "), 12) == (
        "- one two\n> three\n"
    )


def test_what_people_paste_stays_whole_in_prose() -> None:
    text = Text("see https://registry.example/v2/team/app and then run `docker run x`.")
    assert printed(Paragraph(text, first="→ "), 20) == (
        "→ see\n  https://registry.example/v2/team/app\n  and then run\n  `docker run x`.\n"
    )


def test_backticks_of_an_image_cost_no_time() -> None:
    began = time.monotonic()
    shown = printed(Paragraph(Text("`a b" * 20_000 + "` c" * 20_000)), 80)
    assert max(map(len, shown.splitlines())) < 400
    assert time.monotonic() - began < 5


def test_a_line_to_paste_is_never_wrapped() -> None:
    assert printed(Group(no_wrap("docker run x")), 5) == "docker run x\n"


def test_evidence_keeps_the_command_and_its_end() -> None:
    rows = evidence_rows("$ make\n" + "".join(f"line {n}\n" for n in range(100)) + "\n\n", 76)
    assert len(rows) == EVIDENCE_ROWS
    assert rows[0] == "$ make"
    assert rows[1] == "… 90 lines left out …"
    assert rows[-1] == "line 99"
    assert evidence_rows("\n \n", 76) == []
    assert evidence_rows("  indented\tand  spaced", 76) == ["  indented  and  spaced"]


def test_important_lines_of_an_unknown_failure_are_shown() -> None:
    """Commands that succeeded after the failure are left out."""
    rows = evidence_rows(UNKNOWN_FAILURE, 76)
    assert len(rows) <= EVIDENCE_ROWS
    assert rows[0].startswith("$ DEBIAN_FRONTEND=noninteractive apt-get install")
    assert "the frobnicator is full of gremlins" in rows
    assert "E: Failure running script /usr/local/sbin/provenance" in rows
    assert not [row for row in rows if "purge" in row]


def test_huge_evidence_is_cut_fast() -> None:
    rows = evidence_rows("x" * 5_000_000 + "the end", 76)
    assert len(rows) == EVIDENCE_ROWS
    assert rows[-1].endswith("the end")


@STEADY
@given(HOSTILE, st.integers(10, 90))
def test_evidence_fits(text: str, width: int) -> None:
    assert all(cell_len(row) <= max(width, 40) for row in evidence_rows(text * 3, width))
