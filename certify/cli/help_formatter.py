"""The layout of ``--help``: lines break between words, never within a name or a `command`."""

from __future__ import annotations

import re
from collections.abc import Iterable

import click

_LIKE, _UNBROKEN = "- ", "\u2011\u00a0"
"""Characters that look alike; no line is broken at the latter."""
_PARTS = re.compile(r"(?<=\w)-(?=\w)|`[^`\n]+`")


class HelpFormatter(click.HelpFormatter):
    """Click's layout, with names and commands that people can paste."""

    def write_text(self, text: str) -> None:
        """Write a paragraph."""
        super().write_text(_glued(text))

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Write names with their descriptions."""
        super().write_dl([(name, _glued(text)) for name, text in rows], col_max, col_spacing)

    def getvalue(self) -> str:
        """Return what was written."""
        return super().getvalue().translate(str.maketrans(_UNBROKEN, _LIKE))


def _glued(text: str) -> str:
    return _PARTS.sub(lambda found: found[0].translate(str.maketrans(_LIKE, _UNBROKEN)), text)
