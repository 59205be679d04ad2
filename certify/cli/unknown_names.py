"""Words for a name that nobody knows."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from certify.util.text import one_line


def unknown_name(kind: str, name: str, known: Iterable[str]) -> dict[str, str]:
    """``message`` and ``remedy`` for a name that is none of the known ones."""
    names = list(known)
    close = get_close_matches(name, names, n=1)
    hint = f"Did you mean {close[0]}? " if close else ""
    return {
        "message": f"There is no {kind} {one_line(name, limit=60)!r}.",
        "remedy": f"{hint}`certify {kind}s` lists them.",
    }
