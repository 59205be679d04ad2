"""Database engines for ledgers: addresses as people type them, and settings for SQLite."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import SQLAlchemyError

from certify.model.errors import BadLedgerUrl, LedgerUnavailable, NothingRecorded
from certify.util.text import one_line

BUSY_TIMEOUT_MS = 30_000
"""The longest wait, in milliseconds, for another process that writes to the same SQLite file."""

WRITES = "certify_writes"
"""The execution option for transactions that write later than in their first statement."""


def engine_for(url: str, *, make: bool = True) -> Engine:
    """Return a database engine for a path or a database URL, without connecting yet.

    The folder of an SQLite file is created. If ``make`` is false, nothing is created.
    Raises :class:`BadLedgerUrl` for anything that is not an address, :class:`LedgerUnavailable`
    if the folder cannot be created or the database's driver is not installed, and
    :class:`NothingRecorded` if ``make`` is false and the file does not exist.
    """
    try:
        address = _address(url, make=make)
        engine = create_engine(address)
    except (SQLAlchemyError, ValueError) as error:
        raise BadLedgerUrl(
            f"not the address of a ledger: {one_line(str(error))}",
            remedy="Give a path, or a URL such as sqlite:///certify.db or postgresql://host/db.",
        ) from error
    except OSError as error:
        raise LedgerUnavailable(
            f"the ledger's folder cannot be created: {one_line(str(error))}",
            remedy="Name a ledger in a folder that you may write to, with --ledger.",
        ) from error
    except ImportError as error:
        raise LedgerUnavailable(
            f"no driver for the ledger's database is installed: {one_line(str(error))}",
            remedy="Install it beside certify; for PostgreSQL: pip install 'psycopg[binary]'.",
        ) from error
    if is_sqlite(engine):
        event.listen(engine, "connect", _tune_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def is_sqlite(engine: Engine) -> bool:
    """Return True if the database is an SQLite file, not a server."""
    return engine.dialect.name == "sqlite"


def name_of(engine: Engine) -> str:
    """Return the database's name for messages: a file's path, or a URL without its password."""
    where = engine.url.database if is_sqlite(engine) else None
    return where or engine.url.render_as_string(hide_password=True)


def allow_concurrent_reads(engine: Engine) -> None:
    """Let other processes read an SQLite file while one writes to it (``journal_mode = WAL``).

    The mode is stored in the file, so call this only for a file that is known to be a ledger.
    """
    if is_sqlite(engine):
        with closing(engine.raw_connection()) as connection, suppress(sqlite3.OperationalError):
            # SQLite refuses while another process does the same, or if the file is read-only;
            # without WAL everything still works, only more slowly.
            connection.cursor().execute("PRAGMA journal_mode = WAL")


def _address(url: str, *, make: bool) -> URL:
    address = make_url(url) if "://" in url else URL.create("sqlite", database=url)
    if address.get_backend_name() == "sqlite" and address.database not in (None, "", ":memory:"):
        path = Path(str(address.database)).expanduser()
        if path.is_dir():
            raise LedgerUnavailable(
                f"{path} is a folder, not a ledger",
                remedy=f"Name a file, such as {path / 'certify.db'}, with --ledger.",
            )
        if make:
            path.parent.mkdir(parents=True, exist_ok=True)
        elif not path.exists():
            raise NothingRecorded(
                f"Nothing is recorded yet: there is no {path}.",
                remedy="`certify IMAGE` makes it; --reports or --ledger name another place.",
            )
        address = address.set(database=str(path))
    return address


def _tune_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver would leave CREATE TABLE outside its transactions; SQLAlchemy begins them instead.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS:d}")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and then writes fails at once while another process writes;
    # BEGIN IMMEDIATE waits for it.
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
