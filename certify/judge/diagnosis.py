"""Causes behind symptoms: what a log line says about where a fault lies.

The signatures are data, in ``signatures.toml`` beside this module; its head explains the format.
The texts come from images that nobody trusts, so work is bounded: signatures have no unbounded
quantifier, lines are cut, and of a very long text only its beginning and its end are read. The
worst that a hostile image can do is to make its failures look like the host's: it is inconclusive
then, and never certified.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from importlib import resources
from typing import Literal

from pydantic import Field, field_validator

from certify.model.terms import Fault
from certify.model.value import Value
from certify.util.text import printable

LINE_LIMIT = 2_000
"""Characters of a line that are looked at."""
TEXT_LIMIT = 400_000
"""Characters of a text that are looked at, half from its beginning and half from its end."""

_UNBOUNDED = re.compile(r"(?<!\\)[*+]|\{\d*,\}")
_TERMINAL = re.compile(r"\x1b\[[0-9;?]{0,20}[A-Za-z]|[\x00-\x08\x0e-\x1f\x7f]")
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
"""What a check ran, as its evidence tells it, and how that ended."""
_WARNING = re.compile(r"\b(warn|warning|deprecated|ignoring|ignored)\b|^w:", re.IGNORECASE)


class Diagnosis(Value):
    """A cause that a line of a text gives away."""

    name: str
    cause: str
    """What is the matter, in plain words."""
    fault: Fault
    remedy: str
    line: str
    """The line that gave it away."""


class Signature(Value):
    """How one cause shows; one table of ``signatures.toml``."""

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    pattern: str = Field(min_length=8)
    cause: str = Field(min_length=1)
    fault: Fault | Literal["none"]
    remedy: str = Field(min_length=1)
    example: str = Field(min_length=1)
    where: tuple[Literal["log", "journal", "packages", "launch", "pull"], ...] = ()

    @field_validator("pattern")
    @classmethod
    def _is_bounded(cls, pattern: str) -> str:
        if found := _UNBOUNDED.search(pattern):
            raise ValueError(f"{found[0]!r} has no upper bound; write {{0,80}} or the like")
        re.compile(pattern)
        return pattern

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern, re.IGNORECASE)

    @property
    def is_noise(self) -> bool:
        """Whether its lines mean nothing."""
        return self.fault == "none"

    def applies(self, where: str | None) -> bool:
        """Whether it is to be looked for in such a text."""
        return where is None or not self.where or where in self.where

    def matches(self, line: str) -> bool:
        """Whether it shows in one line."""
        return self._compiled.search(line) is not None


@cache
def signatures() -> tuple[Signature, ...]:
    """All signatures, in order of priority."""
    text = (resources.files("certify.judge") / "signatures.toml").read_text(encoding="utf-8")
    return tuple(Signature.model_validate(table) for table in tomllib.loads(text)["signature"])


def diagnose(text: str, *, where: str | None = None) -> Diagnosis | None:
    """The most telling cause in a text, or null; the order of the signatures decides.

    ``where`` says what the text is: ``log`` (the container's), ``journal``, ``packages`` (output of
    a package manager), ``launch`` or ``pull`` (answers of the engine). Without it every signature
    is tried.
    """
    lines = tuple(dict.fromkeys(_sound_lines(text)))
    for signature in signatures():
        if isinstance(signature.fault, Fault) and signature.applies(where):
            for line in lines:
                if signature.matches(line):
                    return Diagnosis(
                        name=signature.name,
                        cause=signature.cause,
                        fault=signature.fault,
                        remedy=signature.remedy,
                        line=line,
                    )
    return None


def telling_lines(text: str, n: int = 5) -> str:
    """The at most ``n`` last lines that tell most, in their order in the text.

    Errors come before warnings and these before all else; blank lines, progress, noise and
    repetitions are dropped, so that nothing may be left.
    """
    # Of a line that is repeated the last one counts, hence the detour over the reversed order.
    lines = [line for line in _sound_lines(text) if not _is_progress(line)]
    lines = list(dict.fromkeys(reversed(lines)))
    best = sorted(range(len(lines)), key=lambda index: (_weight(lines[index]), index))[: max(n, 0)]
    return "\n".join(lines[index] for index in sorted(best, reverse=True))


def gist(lines: Sequence[str], costs: Sequence[int], room: int) -> list[int]:
    """Which lines to show where there is no room for all: those that tell most, in their order.

    Each costs as much of the room as ``costs`` says. Errors come before warnings and these before
    the rest, the last ones first; what a command printed that ended well, progress and repetitions
    come at the end. A line comes with the command that it is about (``$ … (exit 1, 0.2 s)``),
    one before the first command with the first line of all.
    """
    heads, weights = _heads_and_weights(lines)
    shown: set[int] = set()
    for index in sorted(range(len(lines)), key=lambda index: (weights[index], -index)):
        if room <= 0:
            break
        more = {index, heads[index]} - shown
        price = sum(costs[each] for each in more)
        if price <= room:
            shown |= more
            room -= price
    return sorted(shown)


def abridged(text: str, limit: int) -> str:
    """The text, or if it has more characters than ``limit`` its most telling lines."""
    if len(text) <= limit:
        return text
    lines = text.split("\n")
    mark = "… {} lines left out …"
    room = limit - len(mark) - len(str(len(lines)))
    shown = gist(lines, [len(line) + 1 for line in lines], room)
    if len(shown) < 2:
        return printable(text, limit=limit)
    first, *rest = (lines[index] for index in shown)
    return "\n".join((first, mark.format(len(lines) - len(shown)), *rest))


def _heads_and_weights(lines: Sequence[str]) -> tuple[list[int], list[int]]:
    """For each line the command that it is about, and how much it tells: the less, the more."""
    noise = [signature for signature in signatures() if signature.is_noise]
    last = {line: index for index, line in enumerate(lines)}
    heads, weights = [], []
    head, well = 0, False
    for index, whole in enumerate(lines):
        line = whole[:LINE_LIMIT].strip()
        if command := _COMMAND.match(line):
            head, well = index, command[1] == "exit 0"
            weight = _ERRS if command[1] and not well else _PLAIN
        elif not line or last[whole] != index or _is_progress(line):
            weight = _IDLE
        else:
            weight = _IDLE if any(each.matches(line) for each in noise) else _weight(line)
        heads.append(head)
        weights.append(_WELL if well and weight == _PLAIN else weight)
    return heads, weights


def _is_progress(line: str) -> bool:
    return _PROGRESS.search(line) is not None and _FAILED.search(line) is None


_ERRS, _WARNS, _PLAIN, _WELL, _IDLE = range(5)
"""How much a line tells: less than all others if its command ended well, and if it is idle."""


def _weight(line: str) -> int:
    if _ERROR.search(line):
        return _ERRS
    return _WARNS if _WARNING.search(line) else _PLAIN


def _sound_lines(text: str) -> Iterator[str]:
    """Lines that may mean something, bare of terminal codes and cut to a bearable length."""
    if len(text) > TEXT_LIMIT:
        half = TEXT_LIMIT // 2
        text = f"{text[:half]}\n{text[-half:]}"
    noise = [signature for signature in signatures() if signature.is_noise]
    # A carriage return begins the line anew on a terminal, as progress displays do.
    for raw in re.split(r"[\r\n]", text):
        line = _TERMINAL.sub("", raw[:LINE_LIMIT]).strip()
        if line and not any(signature.matches(line) for signature in noise):
            yield line
