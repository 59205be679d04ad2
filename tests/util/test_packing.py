"""Packed text: what is unpacked is what was packed, and nothing else is taken for it."""

from __future__ import annotations

import base64
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.util.packing import pack, unpack

PACKED = pack("certify " * 100)


@given(st.text(st.characters(codec="utf-8")))
def test_what_is_unpacked_is_what_was_packed(text: str) -> None:
    assert unpack(pack(text), len(text.encode())) == text


@pytest.mark.parametrize(
    "damaged",
    ["", "x", "=", "[]", PACKED[:-4], PACKED[4:], PACKED.replace(PACKED[8], "!"), "\u00e9",
     base64.b64encode(b"no zlib").decode(), base64.b64encode(zlib.compress(b"\xff")).decode()],
)  # fmt: skip
def test_what_nobody_packed_is_refused(damaged: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        unpack(damaged, 10_000)


def test_a_text_beyond_the_limit_is_refused() -> None:
    assert unpack(PACKED, 800) == "certify " * 100
    with pytest.raises(ValueError, match="too large"):
        unpack(PACKED, 799)
