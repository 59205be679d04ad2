"""Prepare a database for use: create the tables of a ledger, or bring older ones up to date."""

from __future__ import annotations

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from certify.ledger.connect import allow_concurrent_reads, back_up, writing
from certify.ledger.database import Database
from certify.ledger.schema import VERSION, create, version_of
from certify.model.errors import LedgerUnavailable


def prepare(database: Database) -> None:
    """Create the tables of a ledger, or migrate those of an older certify after a backup.

    Raises :class:`LedgerUnavailable` if the database does not answer, is not a ledger, or was
    written by a newer certify.
    """
    engine = database.engine
    with database.errors_translated():
        before = _version(engine)
        if (before or 0) < VERSION:
            if before is not None:
                back_up(engine, f"v{before}")
            try:
                with writing(engine) as connection:
                    create(connection)
            except DBAPIError:
                # Two processes may create one ledger at once; the second then finds it made.
                if (_version(engine) or 0) < VERSION:
                    raise
        version = _version(engine)
    if version is None or version > VERSION:
        raise LedgerUnavailable(
            f"{database.name} was written by a newer certify"
            f" (its tables are of version {version}, this certify knows {VERSION})",
            remedy="Update certify, or name another ledger with --ledger.",
        )
    allow_concurrent_reads(engine)


def _version(engine: Engine) -> int | None:
    with engine.connect() as connection:
        return version_of(connection)
