"""Errors of databases, as a ledger reports them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError

from certify.ledger.connect import engine_for
from certify.ledger.database import ANOTHER_FILE, Database
from certify.model.errors import LedgerUnavailable, NotRecordable

LOCKED = OperationalError("SELECT 1", {}, sqlite3.OperationalError("database is locked"))
FULL = OperationalError("SELECT 1", {}, sqlite3.OperationalError("database or disk is full"))
WRONG = ProgrammingError("SELECT 1", {}, sqlite3.ProgrammingError("no such column"))


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(engine_for(str(tmp_path / "certify.db")))


@pytest.mark.parametrize(
    ("error", "words", "passing"),
    [
        (LOCKED, "cannot be used: database is locked", True),
        (FULL, "cannot be used: database or disk is full", False),
        (WRONG, "cannot be used: no such column", False),
        (sqlite3.DatabaseError("file is not a database"), "is not a database", False),
    ],
)
def test_an_error_names_the_ledger_and_says_if_it_may_pass(
    database: Database, error: Exception, words: str, passing: bool
) -> None:
    with pytest.raises(LedgerUnavailable) as raised, database.errors_translated():
        raise error
    assert "certify.db" in raised.value.message
    assert words in raised.value.message
    assert raised.value.passing is passing
    assert "--ledger" in raised.value.remedy


def test_what_no_ledger_takes_is_not_the_databases_trouble(database: Database) -> None:
    refused = NotRecordable("of the future", remedy="Set the clock.")
    with pytest.raises(NotRecordable) as raised, database.errors_translated():
        raise refused
    assert raised.value is refused


def test_what_the_tables_say_is_said_of_the_file(database: Database) -> None:
    with pytest.raises(LedgerUnavailable) as raised, database.errors_translated():
        raise LedgerUnavailable("another program's database")
    assert raised.value.message.endswith("certify.db is another program's database")
    assert raised.value.remedy == ANOTHER_FILE


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE told (word TEXT)"))
    with pytest.raises(LedgerUnavailable), database.writing() as connection:
        connection.execute(text("INSERT INTO told VALUES ('half')"))
        connection.execute(text("INSERT INTO nowhere VALUES (1)"))
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM told")).scalar() == 0
