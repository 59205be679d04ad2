"""Tables of a ledger: moments, other programs' databases, older and newer versions."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from certify.ledger.schema import METADATA, VERSION, UtcMoment, results_table
from certify.ledger.store import Ledger
from certify.model.errors import LedgerUnavailable
from certify.model.result import Result

SERVER = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
FILE = sqlite.dialect(paramstyle="named")
DEBIAN = "docker.io/library/debian:12"
ONE = "sha256:" + "1" * 64

Make = Callable[..., Result]


@pytest.mark.parametrize("stored", [datetime(2026, 3, 1, 12), datetime(2026, 3, 1, 12, tzinfo=UTC)])
def test_moments_are_read_in_utc(stored: datetime) -> None:
    assert UtcMoment().process_result_value(stored, FILE) == datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_moments_of_any_zone_are_sorted_by_time(ledger: Ledger, make_result: Make) -> None:
    early = make_result(digest="early")
    far_east = timezone(timedelta(hours=9))
    # 21:00 by its own clock, but earlier than the other's 13:00.
    ledger.record(early.model_copy(update={"finished_at": early.finished_at.astimezone(far_east)}))
    ledger.record(make_result(digest="late", hour=1))
    assert [r.image.digest for r in ledger.history(DEBIAN)] == ["late", "early"]


def test_a_moment_without_a_zone_is_refused(ledger: Ledger, make_result: Make) -> None:
    result = make_result()
    naive = result.model_copy(update={"finished_at": result.finished_at.replace(tzinfo=None)})
    with pytest.raises(LedgerUnavailable, match="without a time zone"):
        ledger.record(naive)
    assert ledger.matrix_results() == []


def test_moments_keep_their_zone_on_a_server() -> None:
    ddl = str(CreateTable(results_table).compile(dialect=SERVER))
    assert ddl.count("TIMESTAMP WITH TIME ZONE NOT NULL") == 3
    for index in results_table.indexes:
        CreateIndex(index).compile(dialect=SERVER)


def test_tables_can_share_a_database() -> None:
    assert all(name.startswith("certify_") for name in METADATA.tables)
    assert all(str(index.name).startswith("certify_") for index in results_table.indexes)


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "browser.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(LedgerUnavailable, match=r"browser\.db is not certify's.*bookmarks"):
        Ledger.open(str(path))
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["browser.db"]


def test_a_newer_ledger_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "certify.db"
    Ledger.open(str(path)).close()
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE certify_schema SET version = 99"))
    engine.dispose()
    with pytest.raises(LedgerUnavailable, match=r"newer certify.*version 99") as refused:
        Ledger.open(str(path))
    assert "Update certify" in refused.value.remedy


def make_version_1(path: Path, result: Result) -> None:
    """Make a ledger as the first version of certify did, without revocations."""
    with Ledger.open(str(path)) as ledger:
        ledger.record(result)
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE certify_revocations")
        connection.execute("UPDATE certify_schema SET version = 1")
    connection.close()


def test_an_older_ledger_is_upgraded(tmp_path: Path, make_result: Make) -> None:
    path = tmp_path / "old.db"
    make_version_1(path, make_result(digest=ONE))
    with Ledger.open(str(path)) as ledger:
        assert [result.image.digest for result in ledger.matrix_results()] == [ONE]
        ledger.revocations.add(ONE, "x", "why")
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT version FROM certify_schema").fetchall() == [(VERSION,)]
    connection.close()
    with Ledger.open(str(path)) as ledger:
        assert [each.digest for each in ledger.revocations.in_force()] == [ONE]


def open_and_add(path: str, number: int) -> int:
    with Ledger.open(path) as ledger:
        ledger.revocations.add(f"sha256:{number:064x}", "x", "why")
    return number


def test_many_processes_upgrade_one_ledger(tmp_path: Path, make_result: Make) -> None:
    path = tmp_path / "old.db"
    make_version_1(path, make_result())
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(open_and_add, [str(path)] * 4, range(4))) == list(range(4))
    with Ledger.open(str(path)) as ledger:
        assert len(ledger.revocations.in_force()) == 4
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT version FROM certify_schema").fetchall() == [(VERSION,)]
    connection.close()


def test_an_upgrade_waits_for_a_process_that_writes(tmp_path: Path, make_result: Make) -> None:
    path = tmp_path / "old.db"
    make_version_1(path, make_result())
    writer = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE certify_schema SET version = 1")
    later = threading.Timer(0.3, lambda: writer.execute("COMMIT"))
    later.start()
    with Ledger.open(str(path)) as ledger:
        assert len(ledger.matrix_results()) == 1
    later.join()
    writer.close()
