"""From what a person typed to a database engine; and what SQLite needs to be shared."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import SQLAlchemyError

from certify.model.errors import BadLedger, NothingRecorded
from certify.util.text import one_line

BUSY_TIMEOUT_MS = 30_000
"""How long a process waits for another one that is writing to the same file."""

WRITES = "certify_writes"
"""Option of an engine whose transactions write, if not with their first statement."""


def engine_for(url: str, *, make: bool = True) -> Engine:
    """An engine for a path or a database URL; makes the folder of a file, opens nothing yet.

    Raises `BadLedger` for what is no address, or where the database's driver is missing; without
    ``make`` nothing is made, and `NothingRecorded` tells that a file is not there.
    """
    try:
        address = _address(url, make=make)
        engine = create_engine(address)
    except (SQLAlchemyError, ValueError) as error:
        raise BadLedger(
            f"not the address of a ledger: {one_line(str(error))}",
            remedy="Give a path, or a URL such as sqlite:///certify.db or postgresql://host/db.",
        ) from error
    except OSError as error:
        raise BadLedger(
            f"the folder for the ledger cannot be made: {one_line(str(error))}",
            remedy="Name a ledger in a folder that you may write to, with --ledger.",
        ) from error
    except ImportError as error:
        raise BadLedger(
            f"no driver for the ledger's database is installed: {one_line(str(error))}",
            remedy="Install it beside certify; for PostgreSQL: pip install 'psycopg[binary]'.",
        ) from error
    if is_sqlite(engine):
        event.listen(engine, "connect", _tune_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def is_sqlite(engine: Engine) -> bool:
    """Whether the ledger is a file, for one team, rather than a server's."""
    return engine.dialect.name == "sqlite"


def name_of(engine: Engine) -> str:
    """What messages call the database: a file's path, or a URL without its password."""
    where = engine.url.database if is_sqlite(engine) else None
    return where or engine.url.render_as_string(hide_password=True)


def share(engine: Engine) -> None:
    """Let readers go on beside a writer. Only for a file that is known to be a ledger.

    The mode stays with the file, so another program's file must not get it.
    """
    if is_sqlite(engine):
        with closing(engine.raw_connection()) as connection, suppress(sqlite3.OperationalError):
            # Refused while another process does the same, or where the file may only be
            # read; without it all still works, only more slowly.
            connection.cursor().execute("PRAGMA journal_mode = WAL")


def _address(url: str, *, make: bool) -> URL:
    address = make_url(url) if "://" in url else URL.create("sqlite", database=url)
    if address.get_backend_name() == "sqlite" and address.database not in (None, "", ":memory:"):
        path = Path(str(address.database)).expanduser()
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
    # The driver's own transactions leave CREATE TABLE outside: SQLAlchemy begins them instead.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS:d}")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    # To read first and write then fails at once while somebody else writes; this waits for them.
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
