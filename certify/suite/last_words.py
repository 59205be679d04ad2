"""The line of what a program printed that counts: its answer, or why it ended. Pure."""

from __future__ import annotations

import re

_FOLLOWS = re.compile(
    r"\s|[]})]+$"  # indented: the stack of Java and Node.js, what an entrypoint explains further
    r"|Node\.js v[\d.]+$|exit status \d+$"
    r"|goroutine \d+ \[|(?:[\w/-]+\.)+[\w()*.]+\(.*\)$"  # Go
)
"""Lines that only follow the one that tells why."""


def last_words(log: str) -> str:
    """Return the last line that is no continuation of another one, without what follows it."""
    lines = [line for line in log.splitlines() if line.strip()]
    telling = (line for line in reversed(lines) if not _FOLLOWS.match(line))
    return next(telling, "".join(lines[-1:])).strip() or "it printed nothing"


def last_line(printed: str) -> str:
    """Return the last line of what was printed: what starts with a program may greet before it."""
    return printed.strip().rpartition("\n")[2]
