"""The history of an image on a terminal."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from rich.console import Console

from certify.publish.history import ROWS, print_history, sparkline
from tests.factories import NOON, a_result


@pytest.mark.parametrize(
    ("values", "bars"),
    [([], ""), ([None], ""), ([1.0], "▁"), ([1.0, None, 8.0], "▁·█"), ([2.0, 2.0], "▁▁")],
)
def test_bars_show_the_range(values: list[float | None], bars: str) -> None:
    assert sparkline(values) == bars


def test_a_table_per_profile_and_the_newest_rows() -> None:
    runs = [a_result(moment=NOON - timedelta(days=day)) for day in range(ROWS + 3)]
    file = io.StringIO()
    print_history("debian:12", [*runs, a_result(profile="plain")], Console(file=file, width=80))
    text = file.getvalue()
    assert "debian:12 · devspace" in text
    assert "debian:12 · plain" in text
    assert "and 3 earlier runs" in text
    assert text.count("CERTIFIED native") == ROWS + 1
