"""Clocks of several hosts: how far they may differ, and what lies in the future."""

from __future__ import annotations

from datetime import datetime, timedelta

CLOCK_TOLERANCE = timedelta(minutes=5)
"""The most by which the clocks of two hosts may differ."""


def is_ahead(moment: datetime, now: datetime) -> bool:
    """Return True for a moment in the future, which no honest clock can have given."""
    return moment - now > CLOCK_TOLERANCE
