"""The times between which package sources are valid: proof of a source whose date is wrong. Pure.

A source that is kept up is valid from its date to its end. If the clock lies between those of one,
it is wrong by less than that time; what another source misses its own times by must be more than
that, or the clock may be to blame. Many sources name no end, and prove nothing.
"""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import parsedate_to_datetime

WINDOWS = "date -u +%s; grep -hsE '^(Date|Valid-Until): ' /var/lib/apt/lists/*Release"
"""Prints the clock, and the times of the sources that apt fetched and accepted."""
_MISSED = re.compile(r"invalid (?:since|for another) ((?:\d{1,9}(?:d|h|min|s)\b ?){1,4})")
_SECONDS = {"d": 86400, "h": 3600, "min": 60, "s": 1}


def is_out_of_step(line: str, windows: str) -> bool:
    """Return True if a source is out of date by more than the clock can be wrong.

    ``line`` is apt's complaint about it, ``windows`` what :data:`WINDOWS` prints.
    """
    clock, *lines = windows.splitlines() or [""]
    missed = _MISSED.search(line)
    if not missed or not clock.isdigit():
        return False
    parts = re.findall(r"(\d+)([a-z]+)", missed[1])
    seconds = sum(int(number) * _SECONDS[unit] for number, unit in parts)
    begins = None
    for name, _, value in (each.partition(": ") for each in lines):
        moment = _moment(value)
        if name == "Date":
            begins = moment
        elif begins is not None and moment is not None:
            if begins <= int(clock) <= moment and seconds > moment - begins:
                return True
            begins = None
    return False


def _moment(text: str) -> float | None:
    """Return the seconds since 1970 of a date; None if it is none."""
    try:
        return datetime.timestamp(parsedate_to_datetime(text.strip()))
    except (ValueError, OverflowError):
        return None
