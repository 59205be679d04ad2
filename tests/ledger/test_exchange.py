"""Ledgers as lines of JSON: nothing is lost, nothing doubled, and the order decides what stands."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from certify.ledger.changes import SweepEntry
from certify.ledger.lines import SCHEMA, read, written
from certify.ledger.store import Ledger
from certify.model.errors import LedgerUnavailable
from certify.model.result import Result
from certify.model.terms import Grade, Status
from tests.factories import NOW, a_certificate, digest

Make = Callable[..., Result]
ENTRY = SweepEntry("a:1", "linux/amd64", "plain", digest(1), Status.CERTIFIED, Grade.NATIVE, 0.5)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(str(tmp_path / "other.db")) as opened:
        yield opened


def export(ledger: Ledger) -> list[str]:
    return list(written(ledger.exchange.fields()))


def take_in(ledger: Ledger, *texts: list[str]) -> dict[str, int]:
    found = ledger.exchange.take_in([read(map(str.encode, each), "x.jsonl") for each in texts])
    return {kind: count for kind, count in found.items() if count}


def sweep(ledger: Ledger, shard: str = "", *entries: SweepEntry) -> None:
    ledger.sweeps.finish(ledger.sweeps.begin("l.txt", "h/1/1", lambda _: True, shard), entries)


def test_a_copy_holds_all_and_a_second_one_adds_nothing(
    ledger: Ledger, other: Ledger, make_result: Make
) -> None:
    for hour, status in enumerate((Status.CERTIFIED, Status.REJECTED, Status.INCONCLUSIVE)):
        other.record(make_result(digest=digest(1), hour=hour, status=status))
    other.revocations.add(digest(2), "b:1", "a miner")
    other.revocations.add(digest(3), "c:1", "a back door")
    for entry in (ENTRY, ENTRY, ENTRY):
        sweep(other, "", entry)
    sweep(other, "1/2", ENTRY)
    lines = export(other)
    assert json.loads(lines[0]) == {"schema": SCHEMA}
    assert take_in(ledger, lines) == {"result": 3, "sweep": 3}, "the last two, and the shard"
    assert ledger.matrix_results() == other.matrix_results()
    assert ledger.revocations.in_force() == other.revocations.in_force()
    assert [each.shard for each in ledger.sweeps.waiting()] == ["1/2"]
    assert ledger.sweeps.entries(ledger.sweeps.waiting()[0].id) == [ENTRY]
    assert take_in(ledger, lines) == {}
    assert export(ledger) == lines
    other.revocations.lift(digest(3), "in error")
    take_in(ledger, export(other))
    assert ledger.revocations.in_force() == other.revocations.in_force()


def test_what_was_recorded_last_stands_whatever_the_order_of_the_files(
    ledger: Ledger, other: Ledger, make_result: Make, tmp_path: Path
) -> None:
    """The tag moved from the image of one ledger to that of another."""
    other.record(make_result("a:1", digest=digest(1), hour=1))
    with Ledger.open(str(tmp_path / "third.db")) as third:
        third.record(make_result("a:1", digest=digest(2), hour=2))
        assert take_in(ledger, export(third), export(other)) == {"result": 2}
    assert [each.image.digest for each in ledger.matrix_results()] == [digest(2)]


def test_a_ledger_keeps_its_own_order(ledger: Ledger, other: Ledger, make_result: Make) -> None:
    """The host's clock was set back between two results."""
    for hour in (2, 1):
        other.record(make_result("a:1", digest=digest(hour), hour=hour))
    take_in(ledger, export(other))
    assert [each.image.digest for each in ledger.matrix_results()] == [digest(1)]


def test_only_what_the_other_lacks_is_read(ledger: Ledger, other: Ledger) -> None:
    for opened in (ledger, other):
        opened.record(a_certificate(), "known")
    other.record(a_certificate(image={"digest": digest(7)}), "new")
    lines = list(other.exchange.fields(ledger.exchange.known))
    assert [each["recording"] for each in lines] == ["new"]


def test_results_that_no_ledger_takes_are_told_and_passed_over(
    ledger_url: str, other: Ledger
) -> None:
    warnings: list[str] = []
    lines = export(other)
    future = a_certificate(moment=NOW + timedelta(days=2))
    for number, result in enumerate((future, a_certificate())):
        document = result.model_dump(mode="json", by_alias=True)
        document["later"] = "kept"
        line = {"kind": "result", "recording": str(number), "result": document}
        lines.insert(-1, json.dumps(line))
    broken = {"kind": "result", "recording": "2", "result": {"finished_at": NOW.isoformat()}}
    document = a_certificate().model_dump(mode="json", by_alias=True)
    naive = {**document, "expires_at": "2026-03-01T12:00:00"}
    zoneless = {"kind": "result", "recording": "3", "result": naive}
    lines[-1:] = [*map(json.dumps, (broken, zoneless)), json.dumps({"kind": "end", "lines": 4})]
    with Ledger.open(ledger_url, warn=warnings.append) as ledger:
        assert take_in(ledger, lines) == {"result": 1}
        (kept,) = ledger.matrix_results()
    assert kept.model_extra == {"later": "kept"}
    assert "lies in the future" in warnings[0]
    assert "result 2 is passed over" in warnings[1]
    assert "result 3 is passed over" in warnings[2]


def test_a_ledger_that_is_damaged_is_named(ledger: Ledger, other: Ledger) -> None:
    sweep(other, "1/2", ENTRY)
    with other._database.engine.begin() as connection:
        connection.execute(text("UPDATE certify_swept SET recording = x'ff'"))
    with pytest.raises(LedgerUnavailable, match=r"other\.db has a sweep that is wrong: entries"):
        ledger.exchange.take_in([other.exchange.lines(ledger.exchange.known)])


def test_an_older_sweep_of_a_shard_does_not_replace_a_newer(ledger: Ledger, other: Ledger) -> None:
    sweep(other, "1/2", ENTRY)
    old = export(other)
    sweep(other, "1/2")
    new = export(other)
    take_in(ledger, new)
    take_in(ledger, old)
    assert ledger.sweeps.entries(ledger.sweeps.waiting()[0].id) == []
    sweep(ledger)
    assert ledger.sweeps.waiting() == []
    take_in(ledger, new)
    assert ledger.sweeps.waiting() == [], "a sweep of the whole list has taken it in"


def test_a_result_that_only_a_shard_has_goes_with_it(ledger: Ledger, other: Ledger) -> None:
    typo = SweepEntry("b:1", "", "plain", "", Status.INCONCLUSIVE, document='{"a": "\u202e"}')
    sweep(other, "1/2", ENTRY, typo)
    lines = export(other)
    known, unknown = json.loads(lines[1])["entries"]
    assert "document" not in known, "older versions know none"
    assert unknown["document"]
    take_in(ledger, lines)
    assert ledger.sweeps.entries(ledger.sweeps.waiting()[0].id) == [ENTRY, typo]


def test_old_results_get_the_same_names_in_every_copy(tmp_path: Path) -> None:
    sql = (Path(__file__).parent / "data/version-3.sql").read_text("utf-8")
    names = []
    for number in range(2):
        path = tmp_path / f"{number}.db"
        with sqlite3.connect(path) as connection:
            connection.executescript(sql)
        connection.close()
        with Ledger.open(str(path)) as ledger:
            with ledger._database.engine.connect() as open_connection:
                query = text("SELECT recording FROM certify_results ORDER BY id")
                names.append(list(open_connection.scalars(query)))
            assert take_in(ledger, export(ledger)) == {}
    assert names[0] == names[1]
    assert len(set(names[0])) == 3
