"""Tables of a ledger: moments, other programs' databases, older and newer versions."""

from __future__ import annotations

import base64
import tracemalloc
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from certify.ledger import schema
from certify.ledger.rows import row_of
from certify.ledger.schema import METADATA, UtcMoment, results_table
from certify.ledger.store import Ledger
from certify.model.errors import NotRecordable
from certify.model.result import Result
from tests.factories import NOON, result_of

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
