"""Ledgers of earlier versions, migrated when they are opened."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from certify.ledger.connect import engine_for
from certify.ledger.store import Ledger
from tests.factories import a_result
from tests.support.forks import FORKS
from tests.support.postgresql import Server


def make_old(path: Path, version: int) -> None:
    """Make a ledger that an earlier certify wrote, with three results."""
    sql = (Path(__file__).parent / f"data/version-{version}.sql").read_text("utf-8")
    with sqlite3.connect(path) as connection:
        connection.executescript(sql)
    connection.close()


@pytest.mark.parametrize("version", [1, 3])
def test_an_older_ledger_is_migrated_and_copied_before(tmp_path: Path, version: int) -> None:
    path = tmp_path / "old.db"
    make_old(path, version)
    warnings: list[str] = []
    with Ledger.open(str(path), warn=warnings.append) as ledger:
        old = ledger.matrix_results()
        assert [each.verdict.status.value for each in old] == ["certified", "certified", "rejected"]
        assert len(ledger.revocations.in_force()) == (version == 3)
        classes = {each.host_class for each in ledger.results_in_force()}
        assert classes == ({""} if version == 1 else {"cgroup v2, overlay2, x86_64"})
        assert ledger.record(old[0]) == 4
    with Ledger.open(str(tmp_path / "new.db")):
        pass
    assert warnings == []
    assert layout(path) == layout(tmp_path / "new.db")
    copied = sqlite3.connect(tmp_path / f"old.db.v{version}")
    assert copied.execute("SELECT version FROM certify_schema").fetchall() == [(version,)]
    assert copied.execute("SELECT count(*) FROM certify_results").fetchall() == [(3,)]
    copied.close()


def layout(path: Path) -> list[object]:
    """Return the version, the columns and the indexes of a ledger."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        found = inspect(connection)
        columns = [
            (table, sorted(each["name"] for each in found.get_columns(table)))
            for table in found.get_table_names()
        ]
        indexes = sorted(
            (each["name"], each["column_names"]) for each in found.get_indexes("certify_results")
        )
        version = connection.scalar(text("SELECT version FROM certify_schema"))
    engine.dispose()
    return [version, columns, indexes]


def open_and_add(path: str, number: int) -> int:
    with Ledger.open(path) as ledger:
        ledger.revocations.add(f"sha256:{number:064x}", "x", "why")
    return number


def test_many_processes_migrate_one_ledger(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    make_old(path, 1)
    with ProcessPoolExecutor(2, mp_context=FORKS) as pool:
        assert list(pool.map(open_and_add, [str(path)] * 4, range(4))) == list(range(4))
    with Ledger.open(str(path)) as ledger:
        assert len(ledger.revocations.in_force()) == 4
        assert len(ledger.matrix_results()) == 3


def test_a_ledger_on_a_server_is_migrated(postgresql_server: Server) -> None:
    address = postgresql_server.new_schema()
    Ledger.open(address).close()
    older = "ALTER TABLE certify_results DROP COLUMN recording; UPDATE certify_schema SET version=3"
    engine = engine_for(address)
    with engine.begin() as connection:
        connection.execute(text(older))
    engine.dispose()
    with Ledger.open(address) as ledger:
        assert ledger.record(a_result()) == 1


def test_a_migration_waits_for_a_process_that_writes(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    make_old(path, 1)
    writer = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE certify_schema SET version = 1")
    later = threading.Timer(0.3, lambda: writer.execute("COMMIT"))
    later.start()
    with Ledger.open(str(path)) as ledger:
        assert len(ledger.matrix_results()) == 3
    later.join()
    writer.close()
