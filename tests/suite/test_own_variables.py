"""The variables of an image that keep something from working."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from itertools import chain, repeat

from hypothesis import given
from hypothesis import strategies as st

from certify.suite.own_variables import culprits, variables_of

NAMES = ["A", "B", "C", "D"]


def test_names_are_those_of_variables_and_never_path() -> None:
    env = ["PATH=/bin", "LANG=C", "EMPTY=", "ODD NAME=1", "$(x)=2", "LANG_2=a=b"]
    assert variables_of(env) == ["LANG", "EMPTY", "LANG_2"]


@given(guilty=st.sets(st.sampled_from(NAMES), min_size=1))
def test_exactly_the_guilty_are_found(guilty: set[str]) -> None:
    def works(prefix: str) -> bool:
        return guilty <= set(re.findall(r"-u (\w+)", prefix))

    assert culprits(NAMES, works) == sorted(guilty)


def test_none_is_named_where_variables_are_innocent() -> None:
    assert culprits(NAMES, lambda _prefix: False) == []
    assert culprits([], lambda _prefix: True) == []


def test_a_passing_trouble_names_none() -> None:
    """What works again without any change, at once or at the end, was no variable's doing."""
    for fails in range(8):
        results = chain([False] * fails, repeat(True))
        assert culprits(NAMES, partial(_next_of, results)) == []


def _next_of(results: Iterator[bool], _prefix: str) -> bool:
    return next(results)
