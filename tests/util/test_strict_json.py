"""JSON of others: what the standard allows is read, and all else is a ValueError."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.util.strict_json import read_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)  # fmt: skip


@given(VALUES)
def test_what_is_json_is_read(value: object) -> None:
    text = json.dumps(value)
    assert read_json(text) == read_json(text.encode()) == value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("NaN", "NaN is no number"),
        ('{"a": [-Infinity]}', "-Infinity is no number"),
        ("1e999", "1e999 is no number"),
        ("-1" + "0" * 400 + ".5", "is no number"),
        ("[" * 200_000, "nested too deeply"),
        ('{"a":' * 200_000, "nested too deeply"),
        ("1" * 5_000, "digits"),
        ("", "Expecting value"),
        (b"\xff", "codec"),
    ],
)
def test_all_else_is_a_value_error(text: str | bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_json(text)


def test_a_hook_gets_each_object() -> None:
    assert read_json('[{"a": {"b": 1}}]', len) == [1]
