"""Database engines for ledgers: addresses as people type them, and settings of each database."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import AbstractContextManager, closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote
from uuid import uuid4

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from certify.model.errors import BadLedgerUrl, LedgerUnavailable, NothingRecorded
from certify.util.text import one_line, without_passwords

PATIENCE_SECONDS = 30.0
"""The longest wait for another process that writes to the same ledger."""
_SLICE_MS = 250
"""The longest wait within SQLite, which hears no signal meanwhile."""
_WRITES = "certify_writes"
_SERVER_SETTINGS: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""A server that is gone is noticed within half a minute."""


def engine_for(url: str, *, make: bool = True) -> Engine:
    """Return a database engine for a path or a database URL, without connecting yet.

    An SQLite file is created with its folder, unless ``make`` is false. A file that this user may
    not write is opened for reading.
    Raises :class:`BadLedgerUrl` for anything that is not an address, :class:`LedgerUnavailable`
    if the file cannot be created or is empty, or the database's driver is not installed,
    and :class:`NothingRecorded` if ``make`` is false and the file does not exist.
    """
    try:
        address = _address(url, make=make)
        on_server = address.get_backend_name() == "postgresql"
        settings = _SERVER_SETTINGS if address.get_driver_name() == "psycopg" else {}
        engine = create_engine(address, pool_pre_ping=on_server, connect_args=settings)
        path = file_of(engine)
        if path is not None and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _make_file(path)
    except (SQLAlchemyError, ValueError) as error:
        raise BadLedgerUrl(
            f"not the address of a ledger: {one_line(str(error))}",
            remedy="Give a path, or a URL such as sqlite:///certify.db or postgresql://host/db.",
        ) from error
    except (OSError, sqlite3.Error) as error:
        raise LedgerUnavailable(
            f"the ledger {url} cannot be created: {one_line(str(error))}",
            remedy="Name a ledger in a folder that you may write to, with --ledger.",
        ) from error
    except ImportError as error:
        raise LedgerUnavailable(
            f"no driver for the ledger's database is installed: {one_line(str(error))}",
            remedy="Install it beside certify; for PostgreSQL:"
            " pip install 'certify-images[postgresql]'.",
        ) from error
    if is_sqlite(engine):
        event.listen(engine, "connect", _tune_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    elif on_server:
        event.listen(engine, "connect", _tune_server)
    return engine


def writing(engine: Engine) -> AbstractContextManager[Connection]:
    """Begin a transaction that writes, after those of other processes, and commit it."""
    return engine.execution_options(**{_WRITES: True}).begin()


def is_sqlite(engine: Engine) -> bool:
    """Return True if the database is an SQLite file, not a server."""
    return engine.dialect.name == "sqlite"


def file_of(engine: Engine) -> Path | None:
    """Return the file of an SQLite database; None for a server, and in memory."""
    name = engine.url.database
    if not is_sqlite(engine) or not name or name == ":memory:":
        return None
    return Path(unquote(name.removeprefix("file:")) if "uri" in engine.url.query else name)


def name_of(engine: Engine) -> str:
    """Return the database's name for messages: a file's path, or a URL without its password."""
    return str(file_of(engine) or without_passwords(engine.url.render_as_string()))


def address_of(engine: Engine) -> str | None:
    """Return the database's address for another process, with its password; None in memory."""
    if not is_sqlite(engine):
        return engine.url.render_as_string(hide_password=False)
    path = file_of(engine)
    return str(path) if path else None


def allow_concurrent_reads(engine: Engine) -> None:
    """Let other processes read an SQLite file while one writes to it (``journal_mode = WAL``).

    The mode is stored in the file, so call this only for a file that is known to be a ledger.
    """
    if is_sqlite(engine):
        with closing(engine.raw_connection()) as connection, suppress(sqlite3.OperationalError):
            # SQLite refuses while another process does the same, or if the file is read-only;
            # without WAL everything still works, only more slowly.
            connection.cursor().execute("PRAGMA journal_mode = WAL")


def back_up(engine: Engine, suffix: str) -> None:
    """Copy an SQLite file to a name with a suffix, unless that is there already."""
    path = file_of(engine)
    if path is None or (kept := Path(f"{path}.{suffix}")).exists():
        return
    part = Path(f"{kept}.{os.getpid()}")
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(part)) as copy:
            source.backup(copy)
        with suppress(FileExistsError):  # of another process, which was quicker
            kept.hardlink_to(part)
    finally:
        part.unlink(missing_ok=True)


def _address(url: str, *, make: bool) -> URL:
    address = make_url(url) if "://" in url else URL.create("sqlite", database=url)
    if address.drivername == "postgresql":
        return address.set(drivername="postgresql+psycopg")
    if address.get_backend_name() != "sqlite" or address.database in (None, "", ":memory:"):
        return address
    path = Path(str(address.database)).expanduser()
    if path.is_dir():
        raise LedgerUnavailable(
            f"{path} is a folder, not a ledger",
            remedy=f"Name a file, such as {path / 'certify.db'}, with --ledger.",
        )
    if not path.exists():
        if make:
            return address.set(database=str(path))
        raise NothingRecorded(
            f"Nothing is recorded yet: there is no {path}.",
            remedy="`certify IMAGE` makes it; --reports or --ledger name another place.",
        )
    if _is_empty(path):
        raise LedgerUnavailable(
            f"{path} is empty, and no ledger",
            remedy="Restore it if it was one, or remove it: a new one is made.",
        )
    if not os.access(path, os.W_OK):
        return _read_only(address, path)
    return address.set(database=str(path))


def _is_empty(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return not file.read(1)
    except OSError:
        return False  # SQLite tells what is wrong with it


def _make_file(path: Path) -> None:
    """Make a database without tables, in one step: no other process ever sees an empty file."""
    # Absolute: a relative path may begin with "file:", which SQLite may take for a URI.
    part = Path(f"{path.absolute()}.{uuid4().hex}")
    try:
        with closing(sqlite3.connect(part)) as connection:
            connection.execute("PRAGMA user_version = 1")
        path.hardlink_to(part)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _read_only(address: URL, path: Path) -> URL:
    """Return the address to read a file that may not be written.

    Where SQLite may write nothing beside the file either, not even its index of the log, nobody
    who could change the file is taken to be at work.
    """
    how = {"mode": "ro", "uri": "true"}
    if not os.access(path.parent, os.W_OK) and not Path(f"{path}-shm").exists():
        log = Path(f"{path}-wal")
        if log.exists() and log.stat().st_size:
            raise LedgerUnavailable(
                f"the newest results are still in {log}, and this folder is read-only",
                remedy="Copy both files to a folder that you may write to, and name that copy.",
            )
        how["immutable"] = "1"
    return address.set(database=f"file:{quote(str(path.absolute()))}", query=how)


def _tune_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver would leave CREATE TABLE outside its transactions; SQLAlchemy begins them instead.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {_SLICE_MS:d}")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and then writes fails at once while another process writes;
    # BEGIN IMMEDIATE waits for it, in slices between which signals are heard.
    if not connection.get_execution_options().get(_WRITES):
        connection.exec_driver_sql("BEGIN")
        return
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except OperationalError as error:
            if "locked" not in str(error.orig) or time.monotonic() > end:
                raise
        else:
            return


def _tune_server(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{PATIENCE_SECONDS:.0f}s'")
    connection.commit()
