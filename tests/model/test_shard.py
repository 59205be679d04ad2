"""Shards: every image is in one, with all its names, wherever a list has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.model.shard import Shard, is_shard
from tests.factories import digest


@given(st.integers(1, 50), st.text())
def test_every_image_is_in_exactly_one(count: int, identity: str) -> None:
    assert sum(Shard(n + 1, count).holds(identity) for n in range(count)) == 1


def test_shards_are_about_as_large() -> None:
    sizes = [sum(Shard(n + 1, 8).holds(digest(each)) for each in range(8000)) for n in range(8)]
    assert min(sizes) > 900
    assert max(sizes) < 1100


def test_a_digest_never_changes_its_shard() -> None:
    found = [next(n for n in range(8) if Shard(n + 1, 8).holds(digest(each))) for each in range(9)]
    assert found == [3, 1, 1, 7, 7, 4, 6, 3, 7]


def test_the_text_of_a_shard() -> None:
    assert str(Shard.parse("3/8")) == "3/8"
    for text in ("0/8", "9/8", "3", "3/8/9", "-1/8", "3/8 "):
        with pytest.raises(ValueError, match="is not a shard"):
            Shard.parse(text)
        assert not is_shard(text)
    assert is_shard("3/8")
