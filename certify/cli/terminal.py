"""Standard error, on which progress is told: live on a terminal, in plain lines elsewhere."""

from __future__ import annotations

import os
import sys
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.status import Status


class Display:
    """A context manager, for the time of which something is drawn, if it is live at all."""

    _live: Live | Status | None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._live is not None:
            self._live.stop()


def standard_error() -> Console:
    """Where progress goes."""
    return Console(file=sys.stderr, highlight=False, soft_wrap=True)


def is_live(console: Console) -> bool:
    """Whether somebody watches who sees what is overwritten.

    Nobody does in a pipe (whatever ``FORCE_COLOR`` says), in a CI system, on a terminal that
    cannot move its cursor, and where ``NO_COLOR`` asks for plain text.
    """
    plain = os.environ.get("NO_COLOR") or os.environ.get("CI", "false").lower() not in ("", "false")
    return sys.stderr.isatty() and console.is_interactive and not plain
