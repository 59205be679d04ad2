"""The picture of a terminal shows what a program drew there."""

from __future__ import annotations

import re

from scripts.pictures import COLUMNS, ROWS, page_of, screen_after


def test_a_screen_has_its_size_its_colours_and_no_markup_of_the_program() -> None:
    drawn = r"i=0; while [ $((i += 1)) -le 40 ]; do echo $i; done; "
    screen = screen_after(["sh", "-c", drawn + r"printf '\033[31;1m<b>\033[0m'"])
    assert [line.rstrip() for line in screen.display] == [*map(str, range(18, 41)), "<b>"]
    page = page_of(screen)
    assert re.search(r'color:#a40e26;font-weight:700">&lt;', page)
    assert "<b>" not in page


def test_the_program_finds_a_terminal() -> None:
    assert screen_after(["stty", "size"]).display[0].rstrip() == f"{ROWS} {COLUMNS}"
