"""Package sources whose dates do not fit the clock, or each other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.judge.validity import is_out_of_step, named_end

BY_SQV = "Signing key on D1E4 is bad: The primary key is not live   because: Expired on {}Z"
NOW = datetime(2026, 11, 29, tzinfo=UTC)
DAY = timedelta(days=1)
EXPIRED = "E: Release file for http://a.example/dists/x/InRelease is expired (invalid since {})."
EARLY = "E: Release file for http://a.example/InRelease is not valid yet (invalid for another {})."


def windows(*sources: tuple[float, float | None]) -> str:
    """Return what the sources print, each with the days from now at which it begins and ends."""
    lines = [str(int(NOW.timestamp()))]
    for begins, ends in sources:
        lines.append(f"Date: {format_datetime(NOW + begins * DAY, usegmt=True)}")
        lines += [] if ends is None else [f"Valid-Until: {format_datetime(NOW + ends * DAY)}"]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("line", "sources", "out"),
    [
        (EXPIRED.format("903d 4h 1min 2s"), [(-140, None), (-1, 6)], True),
        (EARLY.format("400d 2h 40min 57s"), [(-1, 6)], True),
        # A clock that is ahead, or behind, by as much: Debian's stable release names no end.
        (EXPIRED.format("54d 20h 41min 13s"), [(-200, None), (-61, None)], False),
        (EARLY.format("1d 3h 18min 17s"), [(-138, None)], False),
        # What has ended before another one was made has ended, however wrong the clock is.
        (EXPIRED.format("23h 0min 0s"), [(-1, 6)], False),
        (EXPIRED.format("1d 0h 0min 1s"), [(-1, 6)], True),
        (EXPIRED.format("54d 20h 41min 13s"), [(-61, None), (-20, None)], True),
        (EXPIRED.format("54d 20h 41min 13s"), [(-61, None), (-20, -13)], True),
        (EXPIRED.format("54d 20h 41min 13s"), [], False),
        # Another one that is kept up ends before this one begins.
        (EARLY.format("5d"), [(-1, 6)], False),
        (EARLY.format("7d"), [(-1, 6)], True),
        (EARLY.format("7d"), [(-20, -13)], False),
        ("E: Some index files failed to download.", [(-1, 6)], False),
    ],
)
def test_a_source_that_is_out_of_step_with_the_others(
    line: str, sources: list[tuple[float, float | None]], out: bool
) -> None:
    assert is_out_of_step(line, windows(*sources)) is out


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_is_bearable(line: str, shown: str) -> None:
    assert not is_out_of_step(line, f"1\nDate: {shown}\nValid-Until: {shown}\n")
    assert not is_out_of_step(EXPIRED.format("9d 1s"), shown)


def test_apt_3_says_when_a_key_expired() -> None:
    end = datetime(2024, 1, 31, tzinfo=UTC)
    assert named_end(BY_SQV.format("2024-01-31T00:00:00")) == end.timestamp()
    assert named_end(BY_SQV.format("2024-99-31T00:00:00")) is None
    assert named_end("EXPKEYSIG 0123456789ABCDEF") is None
