"""The entries of sweeps as they are stored."""

from __future__ import annotations

from dataclasses import fields
from sys import intern
from typing import Any

from sqlalchemy import Connection, Select, and_, false, func, select

from certify.ledger.changes import SweepEntry
from certify.ledger.schema import swept_table
from certify.model.terms import Grade, Status

SWEPT = swept_table.c
_FIELDS = tuple(each.name for each in fields(SweepEntry))
_KEY = ("reference", "platform", "profile")
_COMPARED = ("identity", "status")


def read_entries(
    connection: Connection, sweep: int, *, other_than: int | None = None
) -> list[SweepEntry]:
    """Return the entries of a sweep, ordered by reference.

    With ``other_than``, only those for which that sweep has not the same image and verdict.
    """
    return _entries(connection, query_entries(sweep, other_than))


def read_unfound(connection: Connection, sweep: int) -> list[SweepEntry]:
    """Return the entries of a sweep that have no image, ordered by reference."""
    return _entries(connection, query_entries(sweep).where(SWEPT.identity == ""))


def _entries(connection: Connection, query: Select[Any]) -> list[SweepEntry]:
    return [
        SweepEntry(
            reference, intern(platform), intern(profile), identity, Status(status),
            Grade(grade) if grade else None, boot, intern(cause), recording, document,
        )
        for reference, platform, profile, identity, status, grade, boot, cause, recording, document
        in connection.execute(query)
    ]  # fmt: skip


def query_entries(sweep: int, other_than: int | None = None) -> Select[Any]:
    """Select the entries that :func:`read_entries` returns.

    The other sweep is asked for each entry by its key, a lookup in an index: as a join, PostgreSQL
    compared each entry with each while its statistics did not know the newest sweep.
    """
    query = select(*(SWEPT[name] for name in _FIELDS)).where(SWEPT.sweep == sweep)
    if other_than is not None:
        other = swept_table.alias("other")
        same = and_(*(other.c[name] == SWEPT[name] for name in _COMPARED))
        key = (other.c[name] == SWEPT[name] for name in _KEY)
        found = select(same).where(other.c.sweep == other_than, *key).limit(1)
        query = query.where(~func.coalesce(found.scalar_subquery(), false()))
    return query.order_by(SWEPT.reference)


def fields_of(entry: SweepEntry) -> dict[str, Any]:
    """Return the fields of an entry as they are stored."""
    grade = entry.grade.value if entry.grade else None
    stored = {name: getattr(entry, name) for name in _FIELDS}
    return {**stored, "status": entry.status.value, "grade": grade}
