"""Searches for garbage: few while thousands of values come to life, but some."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from certify.util.garbage import collect_rarely


@pytest.fixture
def searches() -> Iterator[list[int]]:
    """The generations that are searched; the thresholds are Python's own at first."""
    before, found = gc.get_threshold(), list[int]()

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            found.append(info["generation"])

    gc.set_threshold(700, 10, 10)
    gc.collect(0)
    gc.callbacks.append(note)
    yield found
    gc.callbacks.remove(note)
    gc.set_threshold(*before)


def test_many_values_are_searched_rarely(searches: list[int]) -> None:
    _values: list[list[int]] = [[number] for number in range(10_000)]
    assert len(searches) > 10
    collect_rarely()
    gc.collect(0)
    searches.clear()
    _values += [[number] for number in range(10_000)]
    assert searches == []
    _values += [[number] for number in range(20_000)]
    assert searches, "what is garbage is found in the end"
