"""Where in a TOML text something stands, which :mod:`tomllib` does not tell."""

from __future__ import annotations

import tomllib
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any


def line_of(text: str, path: Sequence[str | int]) -> int | None:
    """The line, counted from 1, of the key or table header that ``path`` leads to.

    A path is the keys and positions to follow in what :func:`tomllib.loads` makes of the text:
    ``("waiver", 2, "expires")`` is the key ``expires`` of the third ``[[waiver]]``. What stands
    inside of a value (an item of an array, a key of an inline table) has the line on which the
    key of that value stands. Null if nothing is at that path, or if ``text`` is not TOML.

    No statement of TOML is whole before its last line, and once it is there it stays; so the
    parser itself tells, in a binary search, up to which line the text must be read.
    """
    lines = text.split("\n")
    if _sound(lines, len(lines))[0] < len(lines):
        return None
    last = bisect_left(
        range(len(lines) + 1), True, key=lambda count: _leads(_sound(lines, count)[1], path)
    )
    if last > len(lines):
        return None
    return _sound(lines, last - 1)[0] + 1


def _sound(lines: Sequence[str], count: int) -> tuple[int, dict[str, Any]]:
    """The most of the first ``count`` lines that are TOML by themselves, and what they say."""
    for length in range(count, 0, -1):
        try:
            return length, tomllib.loads("\n".join(lines[:length]) + "\n")
        except (ValueError, RecursionError):
            continue
    return 0, {}


def _leads(document: Any, path: Sequence[str | int]) -> bool:
    for step in path:
        try:
            document = document[step]
        except (LookupError, TypeError):
            return False
    return True
