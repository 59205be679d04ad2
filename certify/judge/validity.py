"""The times between which package sources are valid: proof of a source whose date is wrong. Pure.

apt's complaint names how much a source misses its time by, so with the clock that moment is exact,
however wrong the clock is. What has expired before another source was made has expired by any
clock. A source that is kept up is valid until its end, so what begins after that of another is
dated wrongly. Many sources name no end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime

WINDOWS = "date -u +%s; grep -hsE '^(Date|Valid-Until): ' /var/lib/apt/lists/*Release"
"""Prints the clock, and the times of the sources that apt fetched and accepted."""
_MISSED = re.compile(r"invalid (since|for another) ((?:\d{1,9}(?:d|h|min|s)\b ?){1,4})")
_EXPIRED = re.compile(r"because: expired on (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)Z", re.IGNORECASE)
_SECONDS = {"d": 86400, "h": 3600, "min": 60, "s": 1}


def is_out_of_step(line: str, windows: str) -> bool:
    """Return True if a source is out of date by any clock.

    ``line`` is apt's complaint about it, ``windows`` what :data:`WINDOWS` prints.
    """
    clock = windows.partition("\n")[0]
    missed = _MISSED.search(line)
    if not missed or not clock.isdecimal():
        return False
    parts = re.findall(r"(\d+)([a-z]+)", missed[2])
    seconds = sum(int(number) * _SECONDS[unit] for number, unit in parts)
    if missed[1] == "since":
        return is_over(int(clock) - seconds, windows)
    begins = int(clock) + seconds
    return any(start <= int(clock) <= end < begins for start, end in _windows(windows) if end)


def named_end(line: str) -> float | None:
    """Return when a key expired, by apt 3's complaint about it; None if it does not say."""
    named = _EXPIRED.search(line)
    try:
        return datetime.fromisoformat(f"{named[1]}+00:00").timestamp() if named else None
    except (ValueError, OverflowError):
        return None


def is_over(moment: float, windows: str) -> bool:
    """Return True if a source was made after a moment, which has passed then by any clock."""
    return any(start > moment for start, _ in _windows(windows))


def _windows(text: str) -> Iterator[tuple[float, float | None]]:
    """Yield when each source begins and ends to be valid; None if it names no end."""
    begins = None
    for name, _, value in (each.partition(": ") for each in text.splitlines()[1:]):
        moment = _moment(value)
        if name == "Date":
            if begins is not None:
                yield begins, None
            begins = moment
        elif begins is not None:
            yield begins, moment
            begins = None
    if begins is not None:
        yield begins, None


def _moment(text: str) -> float | None:
    """Return the seconds since 1970 of a date; None if it is none."""
    try:
        return datetime.timestamp(parsedate_to_datetime(text.strip()))
    except (ValueError, OverflowError):
        return None
