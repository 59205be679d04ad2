"""The database of a ledger: transactions, whose errors are reported with the ledger's name."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from certify.ledger.connect import is_sqlite, name_of, writing
from certify.model.errors import LedgerUnavailable, NotRecordable
from certify.util.text import one_line

ANOTHER_FILE = "Name another ledger with --ledger, or move this file away: a new one is made."


class Database:
    """An engine of SQLAlchemy's; whatever fails raises :class:`LedgerUnavailable`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.name = name_of(engine)
        """The database's name for messages, without a password."""

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection that reads."""
        with self.errors_translated(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yield a connection in a transaction that writes, after those of other processes."""
        with self.errors_translated(), writing(self.engine) as connection:
            yield connection

    @contextmanager
    def errors_translated(self) -> Iterator[None]:
        """Turn errors of the database into :class:`LedgerUnavailable` with the ledger's name."""
        try:
            yield
        except NotRecordable:
            raise
        except LedgerUnavailable as error:
            message = f"{self.name} is {error.message}"
            raise LedgerUnavailable(message, remedy=ANOTHER_FILE) from error
        except (SQLAlchemyError, sqlite3.Error) as error:
            reason = one_line(str(getattr(error, "orig", None) or error)) or type(error).__name__
            if "not a database" in reason:
                message = f"{self.name} is not a database"
                raise LedgerUnavailable(message, remedy=ANOTHER_FILE) from error
            raise LedgerUnavailable(
                f"the ledger {self.name} cannot be used: {reason}",
                remedy="See that it is there, may be read and written, and has room;"
                " or name another with --ledger.",
                passing=isinstance(error, OperationalError | InterfaceError)
                and (not is_sqlite(self.engine) or "locked" in reason),
            ) from error


class LedgerPart:
    """One kind of what a ledger holds.

    Every method raises :class:`~certify.model.errors.LedgerUnavailable` if the ledger fails.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
