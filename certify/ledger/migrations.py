"""Migrations of the tables of older ledgers, by Alembic's operations.

Every step leads to one version. Missing tables and indexes are created by the caller; a step adds
columns and removes what is no longer used. An SQLite file is copied before its first step.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Connection, Integer, String, Text, inspect, text

if TYPE_CHECKING:
    from alembic.operations import Operations

RESULTS = "certify_results"


def _add(op: Operations, table: str, column: Column[Any]) -> None:
    """Add a column, unless the table is new and has it."""
    if column.name not in {each["name"] for each in inspect(op.get_bind()).get_columns(table)}:
        op.add_column(table, column)


def _name_recordings(op: Operations) -> None:
    # The very first ledgers lack it; their hosts are unknown.
    _add(op, RESULTS, Column("host_class", String, nullable=False, server_default=""))
    _add(op, RESULTS, Column("recording", String))
    for unused in ("identity", "reference", "repository", "status", "expiry", "suite"):
        op.drop_index(f"certify_by_{unused}", RESULTS, if_exists=True)


def _add_shards(op: Operations) -> None:
    """Add shards; name results that have no name, alike in every copy of a ledger."""
    _add(op, "certify_sweeps", Column("shard", String, nullable=False, server_default=""))
    _add(op, "certify_sweeps", Column("joined", Integer))
    _add(op, "certify_swept", Column("recording", String, nullable=False, server_default=""))
    unnamed = text(f"SELECT id, document FROM {RESULTS} WHERE recording IS NULL LIMIT 200")  # noqa: S608
    naming = text(f"UPDATE {RESULTS} SET recording = :name WHERE id = :id")  # noqa: S608
    while rows := op.get_bind().execute(unnamed).all():
        names = (sha256(f"{row.id} {row.document}".encode()).hexdigest()[:32] for row in rows)
        named = [{"id": row.id, "name": name} for row, name in zip(rows, names, strict=True)]
        op.get_bind().execute(naming, named)


def _add_summaries(op: Operations) -> None:
    _add(op, RESULTS, Column("summary", Text))


def _add_documents(op: Operations) -> None:
    _add(op, "certify_swept", Column("document", Text, nullable=False, server_default=""))


def _cover_queries(op: Operations) -> None:
    op.drop_index("certify_by_image", RESULTS, if_exists=True)


STEPS: dict[int, Callable[[Operations], None]] = {
    4: _name_recordings, 5: _add_shards, 6: _add_summaries, 9: _cover_queries,
    10: _add_documents,
}  # fmt: skip
"""The step to each version; 2, 3 and 8 only added tables, 7 an index."""


def migrate(connection: Connection, before: int) -> None:
    """Take the steps from version ``before`` on, within the connection's open transaction."""
    # Here, as Alembic takes long to import and ledgers are seldom migrated.
    from alembic.migration import MigrationContext  # noqa: PLC0415
    from alembic.operations import Operations  # noqa: PLC0415

    op = Operations(MigrationContext.configure(connection))
    for version, step in STEPS.items():
        if version > before:
            step(op)
