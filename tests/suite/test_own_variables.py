"""The variables of an image that keep something from working."""

from __future__ import annotations

import re

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
