"""The fewest of several things that keep something from working."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, repeat

from hypothesis import given
from hypothesis import strategies as st

from certify.suite.elimination import culprits

NAMES = ["A", "B", "C", "D"]


@given(guilty=st.sets(st.sampled_from(NAMES), min_size=1))
def test_exactly_the_guilty_are_found(guilty: set[str]) -> None:
    assert culprits(NAMES, lambda some: guilty <= set(some)) == sorted(guilty)


def test_none_is_named_where_all_are_innocent() -> None:
    assert culprits(NAMES, lambda _some: False) == []
    assert culprits([], lambda _some: True) == []


def test_a_passing_trouble_names_none() -> None:
    """What works again without any change, at once or at the end, was nobody's doing."""
    for fails in range(8):
        results = chain([False] * fails, repeat(True))
        assert culprits(NAMES, partial(_next_of, results)) == []


def _next_of(results: Iterator[bool], _some: Sequence[str]) -> bool:
    return next(results)
