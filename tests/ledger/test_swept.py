"""The entries of sweeps: what two differ in is enough to find their changes."""

from __future__ import annotations

from itertools import product

from certify.ledger.changes import SweepEntry, find_changes
from certify.ledger.store import Ledger
from certify.model.terms import Grade, Status

VERDICTS = (None, *product(("sha256:a", "sha256:b", ""), Status))


def swept(ledger: Ledger, entries: list[SweepEntry]) -> int:
    number = ledger.sweeps.begin("a.txt", "host/1/1", lambda _: True)
    ledger.sweeps.finish(number, entries)
    return number


def entry(name: str, verdict: tuple[str, Status] | None) -> list[SweepEntry]:
    if verdict is None:
        return []
    identity, status = verdict
    grade = Grade.NATIVE if status is Status.CERTIFIED else None
    return [SweepEntry(name, "linux/amd64", "devspace", identity, status, grade, 1.5, "a cause")]


def test_changes_are_those_of_all_entries(ledger: Ledger) -> None:
    before: list[SweepEntry] = []
    after: list[SweepEntry] = []
    for number, (one, two) in enumerate(product(VERDICTS, repeat=2)):
        before += entry(f"i:{number:03}", one)
        after += entry(f"i:{number:03}", two)
    numbers = [swept(ledger, each) for each in (before, after)]
    assert [ledger.sweeps.entries(each) for each in numbers] == [before, after]
    differing = ledger.sweeps.differing_entries(numbers[0], numbers[1])
    assert find_changes(*differing) == find_changes(before, after)
    assert differing == (
        [each for each in before if each not in after],
        [each for each in after if each not in before],
    )
    assert ledger.sweeps.tally(numbers[1]) == {
        status: sum(each.status is status for each in after) for status in Status
    }
    assert ledger.sweeps.tally(0) == {}
