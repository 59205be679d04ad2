"""Moments as JSON has them, and of clocks that differ."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from certify.model.clock import CLOCK_TOLERANCE, is_ahead, rfc3339

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_a_moment_lies_in_the_future_beyond_what_clocks_differ() -> None:
    assert not is_ahead(NOON + CLOCK_TOLERANCE, NOON)
    assert is_ahead(NOON + CLOCK_TOLERANCE + timedelta(seconds=1), NOON)


def test_a_moment_has_milliseconds_and_a_letter_for_its_zone() -> None:
    assert rfc3339(NOON.replace(microsecond=4_500)) == "2026-01-31T12:00:00.004Z"
