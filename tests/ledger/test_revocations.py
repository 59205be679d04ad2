"""Revocations stand until they are lifted, whatever else is recorded; in older ledgers, too."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from certify.ledger.schema import VERSION
from certify.ledger.store import Ledger
from certify.model.errors import BadLedger
from certify.model.result import Result

Make = Callable[..., Result]
ONE, TWO = "sha256:" + "1" * 64, "sha256:" + "2" * 64


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(str(tmp_path / "certify.db")) as opened:
        yield opened


def told(ledger: Ledger) -> list[tuple[str, str]]:
    return [(each.digest, each.reason) for each in ledger.revocations.all()]


def test_a_revocation_stands_until_it_is_lifted(ledger: Ledger, make_result: Make) -> None:
    assert told(ledger) == []
    added = ledger.revocations.add(TWO, f"debian@{TWO}", "a miner 💥\x1b")
    ledger.revocations.add(ONE, f"debian@{ONE}", "old")
    assert told(ledger) == [(ONE, "old"), (TWO, "a miner 💥\x1b")]
    assert ledger.revocations.all()[1] == added
    ledger.record(make_result(digest=TWO))
    assert len(told(ledger)) == 2, "certified again, and revoked all the same"
    lifted = ledger.revocations.lift(TWO, "false alarm")
    assert lifted is not None
    assert (lifted.digest, lifted.reason) == (TWO, "a miner 💥\x1b")
    assert told(ledger) == [(ONE, "old")]
    assert ledger.revocations.lift(TWO, "false alarm") is None


def test_the_last_reason_counts_and_all_are_kept(tmp_path: Path, ledger: Ledger) -> None:
    for reason in ("first", "second"):
        ledger.revocations.add(ONE, "x", reason)
    assert told(ledger) == [(ONE, "second")]
    ledger.revocations.lift(ONE, "mended")
    assert told(ledger) == []
    rows = sqlite3.connect(tmp_path / "certify.db").execute(
        "SELECT reason, lifted_because FROM certify_revocations ORDER BY id"
    )
    assert rows.fetchall() == [("first", "revoked again"), ("second", "mended")]


def of_version_1(path: Path, result: Result) -> None:
    """A ledger as certify made it before there were revocations."""
    with Ledger.open(str(path)) as ledger:
        ledger.record(result)
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE certify_revocations")
        connection.execute("UPDATE certify_schema SET version = 1")
    connection.close()


def test_an_older_ledger_is_upgraded_where_it_is(tmp_path: Path, make_result: Make) -> None:
    path = tmp_path / "old.db"
    of_version_1(path, make_result(digest=ONE))
    with Ledger.open(str(path)) as ledger:
        assert [result.image.digest for result in ledger.current()] == [ONE]
        ledger.revocations.add(ONE, "x", "why")
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT version FROM certify_schema").fetchall() == [(VERSION,)]
    connection.close()
    with Ledger.open(str(path)) as ledger:
        assert told(ledger) == [(ONE, "why")]


def open_and_add(path: str, number: int) -> int:
    with Ledger.open(path) as ledger:
        ledger.revocations.add(f"sha256:{number:064x}", "x", "why")
    return number


def test_many_processes_upgrade_one_ledger(tmp_path: Path, make_result: Make) -> None:
    path = tmp_path / "old.db"
    of_version_1(path, make_result())
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(open_and_add, [str(path)] * 4, range(4))) == list(range(4))
    with Ledger.open(str(path)) as ledger:
        assert len(told(ledger)) == 4
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT version FROM certify_schema").fetchall() == [(VERSION,)]
    connection.close()


def test_an_upgrade_waits_for_whoever_writes(tmp_path: Path, make_result: Make) -> None:
    path = tmp_path / "old.db"
    of_version_1(path, make_result())
    writer = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE certify_schema SET version = 1")
    later = threading.Timer(0.3, lambda: writer.execute("COMMIT"))
    later.start()
    with Ledger.open(str(path)) as ledger:
        assert len(ledger.current()) == 1
    later.join()
    writer.close()


def test_a_ledger_without_its_table_is_no_ledger_to_go_by(tmp_path: Path, ledger: Ledger) -> None:
    with sqlite3.connect(tmp_path / "certify.db") as connection:
        connection.execute("DROP TABLE certify_revocations")
    connection.close()
    with pytest.raises(BadLedger, match="no such table"):
        ledger.revocations.all()
