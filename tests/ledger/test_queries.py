"""Nothing that is said to the database is a dialect of SQLite's."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import Select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from certify.ledger import queries
from certify.ledger.schema import METADATA, UtcMoment, results_table

SERVER = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
FILE = sqlite.dialect(paramstyle="named")
QUERIES = [
    queries.current(None),
    queries.current("devspace"),
    queries.pointed_at("devspace"),
    queries.never_reached("devspace"),
    queries.history("debian:12"),
]


@pytest.mark.parametrize("query", QUERIES)
def test_queries_are_the_same_for_both_databases(query: Select[tuple[object, ...]]) -> None:
    for_server = str(query.compile(dialect=SERVER))
    for_file = str(query.compile(dialect=FILE))
    assert re.sub(r"::[A-Z]+", "", for_server).split() == for_file.split()


def test_moments_keep_their_zone_on_a_server() -> None:
    ddl = str(CreateTable(results_table).compile(dialect=SERVER))
    assert ddl.count("TIMESTAMP WITH TIME ZONE NOT NULL") == 3
    for index in results_table.indexes:
        CreateIndex(index).compile(dialect=SERVER)


def test_tables_can_share_a_database() -> None:
    assert all(name.startswith("certify_") for name in METADATA.tables)
    assert all(str(index.name).startswith("certify_") for index in results_table.indexes)


@pytest.mark.parametrize("stored", [datetime(2026, 3, 1, 12), datetime(2026, 3, 1, 12, tzinfo=UTC)])
def test_moments_are_read_in_utc(stored: datetime) -> None:
    assert UtcMoment().process_result_value(stored, FILE) == datetime(2026, 3, 1, 12, tzinfo=UTC)
