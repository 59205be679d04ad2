"""Exit codes, the same for every command."""

from __future__ import annotations

from collections.abc import Iterable

from certify.model.terms import Status

CERTIFIED, REJECTED, USAGE, INCONCLUSIVE, INTERRUPTED = 0, 1, 2, 3, 130


def exit_code(statuses: Iterable[Status]) -> int:
    """Return the exit code for the statuses of all images; no image at all is inconclusive."""
    found = set(statuses)
    if Status.REJECTED in found:
        return REJECTED
    return CERTIFIED if found == {Status.CERTIFIED} else INCONCLUSIVE
