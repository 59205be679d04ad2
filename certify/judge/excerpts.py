"""Excerpts of long texts: the lines that say most about a failure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from certify.judge.diagnosis import LINE_LIMIT, is_noise, meaningful_lines
from certify.util.text import printable

EVIDENCE_LIMIT = 8000
"""Characters of evidence that a check or a reason has at most."""

_PROGRESS = re.compile(
    r"""
    ^(get|hit|ign):\d                                          # apt fetches
    | ^(reading|building|fetched|selecting|preparing|unpacking|setting\ up|processing\ triggers)\b
    | ^\(reading\ database | ^(fetch|downloading|installing|verifying|extracting|retrieving)\b
    | ^\(\d{1,5}/\d{1,5}\)                                     # apk and pacman count
    | ^\[\ {0,2}ok\ {0,2}\]                                    # systemd at boot
    | ^[0-9a-f]{12}:\ (pulling|waiting|verifying|download|extracting|pull\ complete|already)
    | ^(?:[\W\d_]|[kmg]?i?b(?:/s)?\b)+$                        # bars, percentages, sizes
    """,
    re.VERBOSE | re.IGNORECASE,
)
_FAILED = re.compile(r"\b(fail(ed|ure)?|cannot|could not|unable)\b|\berror:", re.IGNORECASE)
_ERROR = re.compile(
    r"\b(error|errors|fail|failed|failure|fatal|panic|cannot|can't|couldn't|could not|unable|denied"
    r"|refused|refusing|not found|no such|not permitted|invalid|unsupported|timed out|time-?out"
    r"|deadline exceeded|missing|killed|out of memory|no space left|unmet|unknown|segmentation)\b"
    r"|^(e|err):",
    re.IGNORECASE,
)
_COMMAND = re.compile(
    r"^\$ .{0,250}?(?:\((exit \d{1,3}|did not end[a-z ]{0,40}), [\d.]{1,9} s\))?$"
)
"""A command in the evidence of a check, with its exit code and its seconds."""
_WARNING = re.compile(r"\b(warn|warning|deprecated|ignoring|ignored)\b|^w:", re.IGNORECASE)

_ERRS, _WARNS, _PLAIN, _SUCCEEDED, _IDLE = range(5)
"""Ranks of lines, the most important first; the output of a command that succeeded ranks low."""


def important_lines(text: str, n: int = 5) -> str:
    """Return at most ``n`` lines that say most, in their order.

    Errors come before warnings and these before other lines, and later lines before earlier ones.
    Blank lines, progress, noise and repetitions are dropped, so nothing may be left.
    """
    # The last of several equal lines counts, so duplicates are removed in reverse order.
    lines = [line for line in meaningful_lines(text) if not _is_progress(line)]
    lines = list(dict.fromkeys(reversed(lines)))
    best = sorted(range(len(lines)), key=lambda index: (_rank(lines[index]), index))[: max(n, 0)]
    return "\n".join(lines[index] for index in sorted(best, reverse=True))


def pick_lines(lines: Sequence[str], costs: Sequence[int], room: int) -> list[int]:
    """Return the indexes of the lines to show if there is no room for all, in their order.

    ``costs`` is the room that each line takes. Errors come before warnings and these before other
    lines, and later lines before earlier ones; the output of commands that succeeded, progress and
    repetitions come last. A line brings the command that printed it (``$ … (exit 1, 0.2 s)``), or
    the first line of all if it precedes every command.
    """
    commands, ranks = _commands_and_ranks(lines)
    shown: set[int] = set()
    for index in sorted(range(len(lines)), key=lambda index: (ranks[index], -index)):
        if room <= 0:
            break
        more = {index, commands[index]} - shown
        cost = sum(costs[each] for each in more)
        if cost <= room:
            shown |= more
            room -= cost
    return sorted(shown)


def printed(evidence: str) -> str:
    """Return what the commands in the evidence printed, without the commands themselves."""
    return "\n".join(line for line in evidence.split("\n") if not _COMMAND.match(line))


def excerpt(text: str, limit: int) -> str:
    """Return the text or, if it has more than ``limit`` characters, its most important lines."""
    if len(text) <= limit:
        return text
    lines = text.split("\n")
    mark = "… {} lines left out …"
    room = limit - len(mark) - len(str(len(lines)))
    shown = pick_lines(lines, [len(line) + 1 for line in lines], room)
    if len(shown) < 2:
        return printable(text, limit=limit)
    first, *rest = (lines[index] for index in shown)
    return "\n".join((first, mark.format(len(lines) - len(shown)), *rest))


def _commands_and_ranks(lines: Sequence[str]) -> tuple[list[int], list[int]]:
    """Return for each line the index of the command that printed it, and its rank."""
    last = {line: index for index, line in enumerate(lines)}
    commands, ranks = [], []
    current, succeeded = 0, False
    for index, whole in enumerate(lines):
        line = whole[:LINE_LIMIT].strip()
        if command := _COMMAND.match(line):
            current, succeeded = index, command[1] == "exit 0"
            rank = _ERRS if command[1] and not succeeded else _PLAIN
        elif not line or last[whole] != index or _is_progress(line) or is_noise(line):
            rank = _IDLE
        else:
            rank = _rank(line)
        commands.append(current)
        ranks.append(_SUCCEEDED if succeeded and rank == _PLAIN else rank)
    return commands, ranks


def _is_progress(line: str) -> bool:
    return _PROGRESS.search(line) is not None and _FAILED.search(line) is None


def _rank(line: str) -> int:
    if _ERROR.search(line):
        return _ERRS
    return _WARNS if _WARNING.search(line) else _PLAIN
