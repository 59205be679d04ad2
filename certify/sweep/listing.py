"""Lists of images, such as ``images.txt``: one reference or glob a line.

::

    debian:12                                   # a comment
    registry.example/team/*:*  profile=devspace profile=plain
    ubuntu:24.04  platform=linux/arm64

A list is reviewed like code, so it is read strictly and as a whole: every bad line is reported at
once. Asking for the same certification twice (reference, platform and a profile in common) counts
as a bad line: it is nearly always a copied line whose tag was left unchanged, and the image that
was meant would never be certified. The same reference with other profiles or platforms is fine.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NoReturn

from certify.model.errors import BadListing, BadReference
from certify.model.platform import PLATFORM, normalize_platform
from certify.model.reference import Reference, quote

MOST_SHOWN = 10
"""Bad lines in one message; the rest is counted."""
SHAPE = "REFERENCE [profile=NAME]... [platform=OS/ARCH[/VARIANT]] [# comment]"

_COMMENT = re.compile(r"(?:^|\s)#.*", re.DOTALL)
_PROFILE = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*")
_WILDCARD = re.compile(r"[*?]|\[[^\]/:]+\]")
_IPV6_HOST = re.compile(r"\[[0-9A-Fa-f:]*:[0-9A-Fa-f:]*\]")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a list. Exactly one of ``reference`` and ``pattern`` is set."""

    reference: Reference | None
    pattern: str | None
    """A glob as it was written (``*``, ``?``, ``[...]`` in repository or tag, never in the
    registry), to be expanded against the registry."""
    profiles: tuple[str, ...]
    """In the order of the line; empty where the line names none, for the caller's default."""
    platform: str | None
    """``os/arch`` or ``os/arch/variant``; null for the caller's default."""
    line: int
    """Counted from 1."""

    def __post_init__(self) -> None:
        if (self.reference is None) == (self.pattern is None):
            raise ValueError("an entry has either a reference or a pattern")

    @property
    def target(self) -> str:
        """The canonical reference, or the glob as it was written."""
        return str(self.reference) if self.reference is not None else str(self.pattern)


class _LineError(Exception):
    """What was found on a line and what was expected."""


def parse_listing(
    text: str, source: str, *, known_profiles: Collection[str] | None = None
) -> tuple[Entry, ...]:
    """Read a list of images; a byte order mark and any line ends are tolerated.

    ``source`` names the list in messages, a path as a rule. Where ``known_profiles`` is given, a
    line that names any other profile is bad. Bad lines raise one :class:`BadListing` with file,
    line number, what was found and what was expected for each (the first ten are shown).
    """
    entries: list[Entry] = []
    problems: list[str] = []
    first_lines: dict[tuple[str, str | None, str | None], int] = {}
    for number, words in _lines(text):
        try:
            entry = _entry(number, words, known_profiles)
            _reject_duplicate(entry, first_lines)
            entries.append(entry)
        except (_LineError, BadReference) as problem:
            problems.append(f"{source}:{number}: {problem}")
    if problems:
        raise BadListing(_summary(source, problems), remedy=f"Write every line as {SHAPE}")
    return tuple(entries)


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    # Not splitlines(): it also splits at characters that no editor counts as the end of a line.
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text.removeprefix("\ufeff")), start=1):
        if words := _COMMENT.sub("", line).split():
            yield number, words


def _summary(source: str, problems: list[str]) -> str:
    if len(problems) == 1:
        return problems[0]
    shown = [f"{source}: {len(problems)} bad lines", *problems[:MOST_SHOWN]]
    if len(problems) > MOST_SHOWN:
        shown.append(f"and {len(problems) - MOST_SHOWN} more")
    return "\n".join(shown)


def _bad(found: str, expected: str) -> NoReturn:
    raise _LineError(f"found {found}, expected {expected}")


def _entry(line: int, words: list[str], known_profiles: Collection[str] | None) -> Entry:
    target, *options = words
    if target.startswith(("profile=", "platform=")):
        _bad(quote(target), "a reference before it")
    profiles: list[str] = []
    platform: str | None = None
    for option in options:
        key, equals, value = option.partition("=")
        if not equals:
            _bad(f"{quote(option)} after the reference", "one reference a line, then options")
        if key == "profile":
            profiles.append(_profile(value, profiles, known_profiles))
        elif key == "platform":
            if platform is not None:
                _bad("a second platform", "one a line (repeat the reference on another line)")
            platform = _platform(value)
        else:
            close = get_close_matches(key, ("profile", "platform"), n=1)
            hint = f" (did you mean {close[0]}={quote(value)[1:-1]}?)" if close else ""
            _bad(f"option {quote(option)}", f"profile=NAME or platform=OS/ARCH[/VARIANT]{hint}")
    pattern = _pattern(target)
    reference = Reference.parse(target) if pattern is None else None
    return Entry(reference, pattern, tuple(profiles), platform, line)


def _profile(name: str, so_far: list[str], known: Collection[str] | None) -> str:
    if not _PROFILE.fullmatch(name):
        _bad(f"profile {quote(name)}", "the name of a profile, such as profile=devspace")
    if name in so_far:
        _bad(f"profile={name} twice", "every profile once a line")
    if known is not None and name not in known:
        _bad(f"profile {quote(name)}", f"one of {', '.join(sorted(known))}")
    return name


def _platform(value: str) -> str:
    if not PLATFORM.fullmatch(value):
        _bad(f"platform {quote(value)}", "OS/ARCH or OS/ARCH/VARIANT, such as linux/amd64")
    return normalize_platform(value)


def _pattern(target: str) -> str | None:
    """The text if it is a glob that could match something, null if it is no glob at all."""
    host = _IPV6_HOST.match(target)
    globbed = target[host.end() :] if host else target
    if not any(wildcard in globbed for wildcard in "*?[]"):
        return None
    if "@" in target:
        _bad(quote(target), "a glob without digest, or a digest without glob")
    first, slash, _ = globbed.partition("/")
    if slash and any(w in first for w in "*?[") and ("." in first or ":" in first):
        example = "registry.example/team/*:*"
        _bad(f"a wildcard in the registry of {quote(target)}", f"its full name, as in {example}")
    # Whatever a wildcard stands for, a plain letter there must make a sound reference.
    sample = target[: len(target) - len(globbed)] + _WILDCARD.sub("x", globbed)
    try:
        Reference.parse(sample)
    except BadReference as problem:
        raise _LineError(f"no image can match {quote(target)}: {problem}") from None
    return target


def _reject_duplicate(
    entry: Entry, first_lines: dict[tuple[str, str | None, str | None], int]
) -> None:
    wanted: tuple[str | None, ...] = entry.profiles or (None,)
    for profile in wanted:
        earlier = first_lines.setdefault((entry.target, entry.platform, profile), entry.line)
        if earlier != entry.line:
            of_profile = f" for profile {profile}" if profile else ""
            _bad(f"{quote(entry.target)}{of_profile} again", f"it once, as on line {earlier}")
