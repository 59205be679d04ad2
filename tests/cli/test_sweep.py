"""``certify sweep``: exit codes; tests/stories/test_sweep.py has all of it."""

from __future__ import annotations

import pytest

from certify.cli.sweep import _bytes, _exit_code
from certify.ledger.changes import Change, SweepEntry, find_changes
from certify.model.terms import Status


def entry(name: str, status: Status) -> SweepEntry:
    return SweepEntry(name, "plain", "linux/amd64", "", status)


CERTIFIED, REJECTED = entry("a", Status.CERTIFIED), entry("b", Status.REJECTED)
UNCLEAR = entry("c", Status.INCONCLUSIVE)
BROKEN = find_changes([entry("b", Status.CERTIFIED)], [REJECTED])


@pytest.mark.parametrize(
    ("entries", "changes", "fail_on", "code"),
    [
        ([], None, "rejected", 3),
        ([CERTIFIED], None, "rejected", 0),
        ([CERTIFIED, UNCLEAR], None, "rejected", 3),
        ([CERTIFIED, UNCLEAR, REJECTED], None, "rejected", 1),
        ([REJECTED], None, "newly-rejected", 1),
        ([REJECTED], BROKEN, "newly-rejected", 1),
        ([REJECTED], [], "newly-rejected", 0),
        ([REJECTED, UNCLEAR], [], "newly-rejected", 3),
        ([], [], "newly-rejected", 3),
        ([REJECTED, UNCLEAR], None, "never", 0),
    ],
)
def test_exit_codes(
    entries: list[SweepEntry], changes: list[Change] | None, fail_on: str, code: int
) -> None:
    assert _exit_code(entries, changes, fail_on) == code


@pytest.mark.parametrize(("size", "count"), [("7", 7), ("7b", 7), ("2k", 2048), ("1g", 2**30)])
def test_sizes(size: str, count: int) -> None:
    assert _bytes(size) == count
