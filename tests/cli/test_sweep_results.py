"""The end of a sweep: exit codes."""

from __future__ import annotations

import pytest

from certify.cli.sweep_results import exit_code_of_sweep
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
    assert exit_code_of_sweep(entries, changes, fail_on) == code
