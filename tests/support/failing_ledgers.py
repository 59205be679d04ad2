"""Damage to a ledger while a command uses it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import event, text

from certify.ledger.store import Ledger

Damage = Callable[[Ledger, Path], None]


def full(ledger: Ledger, _folder: Path) -> None:
    """Limit the database to its present size, so that SQLite reports a full disk."""
    with ledger._database.engine.connect() as connection:
        pages = connection.scalar(text("PRAGMA page_count"))
    ledger.close()

    def limit(connection: object, _record: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")  # type: ignore[attr-defined]

    event.listen(ledger._database.engine, "connect", limit)


def broken(ledger: Ledger, folder: Path) -> None:
    """Overwrite the database, so that it cannot be read either."""
    ledger.close()
    (folder / "certify.db").write_bytes(b"this is no database any more" * 1000)
