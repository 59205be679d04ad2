"""The entries of sweeps: what two differ in is enough to find their changes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects import postgresql

from certify.ledger.changes import SweepEntry, find_changes
from certify.ledger.connect import engine_for
from certify.ledger.store import Ledger
from certify.ledger.swept import query_entries
from certify.model.terms import Grade, Status
from tests.support.postgresql import Server

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


def rows_of(plan: dict[str, Any]) -> Iterator[float]:
    """Yield how many rows each step of a plan of PostgreSQL's gave or left out."""
    left_out = sum(count for name, count in plan.items() if name.startswith("Rows Removed"))
    yield (plan["Actual Rows"] + left_out) * plan["Actual Loops"]
    for each in plan.get("Plans", ()):
        yield from rows_of(each)


def test_the_cost_grows_in_a_line_before_statistics_know_the_sweeps(
    postgresql_server: Server,
) -> None:
    address, count = postgresql_server.new_schema(), 500
    names = [f"i:{number:03}" for number in range(count)]
    same = [each for name in names for each in entry(name, ("sha256:a", Status.CERTIFIED))]
    engine = engine_for(address)
    with Ledger.open(address) as ledger:
        swept(ledger, same)
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE certify_swept SET (autovacuum_enabled = false)"))
            connection.execute(text("ANALYZE certify_swept"))
        before, after = swept(ledger, same), swept(ledger, same)
    query = query_entries(after, before).compile(
        dialect=postgresql.dialect(),  # type: ignore[no-untyped-call]
        compile_kwargs={"literal_binds": True},
    )
    with engine.connect() as connection:
        explained = connection.execute(text(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}")).scalar_one()
    engine.dispose()
    assert sum(rows_of(explained[0]["Plan"])) <= 10 * count
