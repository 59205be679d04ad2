"""Parts of a list about which a sweep knows nothing: globs that could not be expanded."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from certify.ledger.changes import SweepEntry
from certify.model.terms import Status
from certify.sweep.expand import UnlistedPattern, matches_pattern


def unknown_entry(name: str, cause: str) -> SweepEntry:
    """Return an inconclusive entry without an image."""
    return SweepEntry(name, "", "", "", Status.INCONCLUSIVE, cause=cause)


def unlisted_entries(unlisted: Iterable[UnlistedPattern]) -> tuple[SweepEntry, ...]:
    """Return an entry for each glob that could not be expanded, also if several lines have it."""
    entries = (unknown_entry(each.pattern, each.trouble.message) for each in unlisted)
    return tuple({each.key: each for each in entries}.values())


def of_patterns(unknown: Iterable[SweepEntry]) -> Callable[[SweepEntry], bool]:
    """Return a function that returns True if an image is one of those that a glob would list."""
    patterns = [each.reference for each in unknown]
    return lambda image: any(matches_pattern(glob, image.reference) for glob in patterns)
