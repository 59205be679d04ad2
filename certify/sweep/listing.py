"""Lists of images, such as ``images.txt``: one reference or glob a line.

::

    debian:12                                   # a comment
    registry.example/team/*:*  profile=devspace profile=plain
    ubuntu:24.04  platform=linux/arm64
    alpine:3.20  platform=*

A list is read strictly and as a whole: all bad lines are reported at once. A line with the same
reference, platform and a profile of an earlier line is bad as well: it is nearly always a copy
whose tag was left unchanged, so one image would never be certified. The same reference with other
profiles or platforms is fine.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NoReturn

from certify.model.errors import BadListing, BadReference
from certify.model.platform import ALL, PLATFORM, normalize_platform
from certify.model.reference import Reference, quote

MOST_SHOWN = 10
"""The number of bad lines in one message; the others are only counted."""
SHAPE = "REFERENCE [profile=NAME]... [platform=OS/ARCH[/VARIANT]|*] [# comment]"

_COMMENT = re.compile(r"(?:^|\s)#.*", re.DOTALL)
_PROFILE = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*")
_WILDCARD = re.compile(r"[*?]|\[[^\]/:]+\]")
_IPV6_HOST = re.compile(r"\[[0-9A-Fa-f:]*:[0-9A-Fa-f:]*\]")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a list, with either a reference or a pattern."""

    reference: Reference | None
    pattern: str | None
    """A glob as it was written, with ``*``, ``?`` or ``[...]`` in the repository or the tag."""
    profiles: tuple[str, ...]
    """The profiles in the order of the line; empty for the caller's default."""
    platform: str | None
    """``os/arch`` or ``os/arch/variant``, or ``all``; None for the caller's default."""
    line: int
    """The line number, from 1."""

    def __post_init__(self) -> None:
        if (self.reference is None) == (self.pattern is None):
            raise ValueError("an entry has either a reference or a pattern")

    @property
    def target(self) -> str:
        """The canonical reference, or the glob as it was written."""
        return str(self.reference) if self.reference is not None else str(self.pattern)


class _LineError(Exception):
    """A bad line: the text that was found, and the text that was expected."""


def parse_listing(
    text: str, source: str, *, known_profiles: Collection[str] | None = None
) -> tuple[Entry, ...]:
    """Parse a list of images, with or without a byte order mark, with any line ends.

    ``source`` names the list in messages, usually by its path. If ``known_profiles`` are given,
    a line with any other profile is bad. Raises :class:`BadListing` with the file, the line
    number, the text found and the text expected for each of the first ten bad lines.
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
    if reference and reference.archive:
        _bad(quote(target), "an image of a registry or the engine; `certify run` takes files")
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
    if value in ("*", ALL):
        return ALL
    if not PLATFORM.fullmatch(value):
        _bad(f"platform {quote(value)}", "OS/ARCH or OS/ARCH/VARIANT, such as linux/amd64, or *")
    return normalize_platform(value)


def _pattern(target: str) -> str | None:
    """Return the target if it is a glob, or None; raise an error if it can match nothing."""
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
    # With letters in place of its wildcards, a glob must be a valid reference.
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
