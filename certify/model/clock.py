"""Moments: as JSON has them, and how far the clocks of two hosts may differ."""

from __future__ import annotations

from datetime import datetime, timedelta

CLOCK_TOLERANCE = timedelta(minutes=5)
"""The most by which the clocks of two hosts may differ."""


def is_ahead(moment: datetime, now: datetime) -> bool:
    """Return True for a moment in the future, which no honest clock can have given."""
    return moment - now > CLOCK_TOLERANCE


def rfc3339(moment: datetime) -> str:
    """Return a moment in UTC as JSON has it, such as ``2026-01-31T12:00:00.000Z``."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
