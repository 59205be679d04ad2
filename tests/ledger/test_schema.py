"""Tables of a ledger: moments, other programs' databases, older and newer versions."""

from __future__ import annotations

import base64
import sqlite3
import threading
import tracemalloc
import zlib
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from certify.ledger import schema
from certify.ledger.connect import engine_for
from certify.ledger.rows import row_of
from certify.ledger.schema import METADATA, UtcMoment, results_table
from certify.ledger.store import Ledger
from certify.model.errors import LedgerUnavailable, NotRecordable
from certify.model.result import Result
from tests.factories import NOON, a_result, result_of
from tests.support.forks import FORKS
from tests.support.postgresql import Server

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
    with pytest.raises(NotRecordable, match="without a time zone"):
        ledger.record(naive)
    assert ledger.matrix_results() == []


def test_moments_keep_their_zone_on_a_server() -> None:
    ddl = str(CreateTable(results_table).compile(dialect=SERVER))
    assert ddl.count("TIMESTAMP WITH TIME ZONE NOT NULL") == 3
    for index in results_table.indexes:
        CreateIndex(index).compile(dialect=SERVER)


def test_documents_are_stored_compressed(ledger: Ledger) -> None:
    result = result_of(1, NOON)
    ledger.record(result)
    with ledger._database.engine.begin() as connection:
        stored = connection.scalar(text("SELECT document FROM certify_results"))
        assert len(stored) < len(result.model_dump_json()) / 4
    (read,) = ledger.history(result.image.reference)
    assert read.model_dump_json() == result.model_dump_json()


def test_damaged_documents_are_told_and_passed_over(tmp_path: Path) -> None:
    warnings: list[str] = []
    with Ledger.open(str(tmp_path / "certify.db"), warn=warnings.append) as ledger:
        for number, damage in enumerate(("document", "substr(document, 5)", "'@'")):
            ledger.record(result_of(number, NOON))
            change = text(f"UPDATE certify_results SET document = {damage} WHERE id = {number + 1}")
            with ledger._database.engine.begin() as connection:
                connection.execute(change)
        assert len(ledger.matrix_results()) == 1
    assert len(warnings) == 2


@pytest.mark.parametrize(("left", "readable"), [(0, True), (1, False)])
def test_a_document_beyond_all_measure_is_damaged(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, left: int, readable: bool
) -> None:
    result = result_of(1, NOON)
    ledger.record(result)
    size = len(row_of(result)["document"].encode())
    monkeypatch.setattr(schema, "LARGEST", size - left)
    read = ledger.history(result.image.reference)
    assert len(read) == readable


def test_little_that_unpacks_to_much_takes_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "LARGEST", 2**20)
    bomb = base64.b64encode(zlib.compress(bytes(20 * schema.LARGEST))).decode()
    tracemalloc.start()
    assert schema.CompressedText().process_result_value(bomb, FILE) == bomb
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * schema.LARGEST


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
