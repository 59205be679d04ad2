"""Migrations of the tables of older ledgers, by Alembic's operations.

Every step leads to one version. Missing tables and indexes are created by the caller; a step adds
columns and removes what is no longer used. An SQLite file is copied before its first step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import Column, Connection, String, inspect

if TYPE_CHECKING:
    from alembic.operations import Operations

RESULTS = "certify_results"


def _name_recordings(op: Operations) -> None:
    known = {each["name"] for each in inspect(op.get_bind()).get_columns(RESULTS)}
    if "host_class" not in known:  # in the very first ledgers; their hosts are unknown
        op.add_column(RESULTS, Column("host_class", String, nullable=False, server_default=""))
    op.add_column(RESULTS, Column("recording", String))
    for unused in ("identity", "reference", "repository", "status", "expiry", "suite"):
        op.drop_index(f"certify_by_{unused}", RESULTS, if_exists=True)


STEPS: dict[int, Callable[[Operations], None]] = {4: _name_recordings}
"""The step to each version; versions 2 and 3 only added tables."""


def migrate(connection: Connection, before: int) -> None:
    """Take the steps from version ``before`` on, within the connection's open transaction."""
    # Here, as Alembic takes long to import and ledgers are seldom migrated.
    from alembic.migration import MigrationContext  # noqa: PLC0415
    from alembic.operations import Operations  # noqa: PLC0415

    op = Operations(MigrationContext.configure(connection))
    for version, step in STEPS.items():
        if version > before:
            step(op)
