"""``certify sweep``: sizes and shards; tests/stories/test_sweep.py has all of it."""

from __future__ import annotations

import pytest

from certify.engine.launch_plan import Limits
from tests.conftest import Certify


@pytest.mark.parametrize(("size", "count"), [("7", 7), ("7b", 7), ("2k", 2048), ("1g", 2**30)])
def test_sizes(size: str, count: int) -> None:
    assert Limits(disk=size).disk_bytes == Limits(memory=size).memory_bytes == count


@pytest.mark.parametrize("shard", ["0/3", "4/3", "3", "x/3", "1/3/5", "1/0"])
def test_a_shard_that_is_none_is_wrong_usage(certify: Certify, shard: str) -> None:
    ended = certify("sweep", "images.txt", "--shard", shard)
    assert ended.code == 2
    assert f"'{shard}' is not a shard; expected for example 3/8" in ended.err
