"""The ports that an image exposes, as builders write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.suite.ports import in_ranges, tcp_ports


@pytest.mark.parametrize(
    ("exposed", "ports"),
    [
        (["80/tcp", "53/udp", "22"], [22, 80]),
        (["8000-8002/tcp", "8001/tcp"], [8000, 8001, 8002]),
        (["0/tcp", "65535-99999/tcp", "9-8/tcp"], [65535]),
        (["http/tcp", "80/sctp", "", "-1/tcp", "123456/tcp", "٣/tcp"], []),
    ],
)
def test_ports_are_read_as_builders_write_them(exposed: list[str], ports: list[int]) -> None:
    assert tcp_ports(exposed) == ports


def test_ports_that_follow_each_other_are_one_range() -> None:
    assert in_ranges([]) == []
    assert in_ranges([22, 80, 81, 8000, 8001, 8002]) == ["22", "80-81", "8000-8002"]


@given(st.sets(st.integers(1, 65535)))
def test_ranges_are_read_back_as_the_same_ports(ports: set[int]) -> None:
    assert tcp_ports(in_ranges(sorted(ports))) == sorted(ports)
