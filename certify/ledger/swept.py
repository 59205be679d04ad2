"""The entries of sweeps as they are stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from sys import intern
from typing import Any

from sqlalchemy import Connection, exists, select

from certify.ledger.changes import SweepEntry
from certify.ledger.schema import swept_table
from certify.model.terms import Grade, Status

SWEPT = swept_table.c
_FIELDS = tuple(each.name for each in fields(SweepEntry))
_COMPARED = ("reference", "platform", "profile", "identity", "status")


def read_entries(
    connection: Connection, sweep: int, *, other_than: int | None = None
) -> list[SweepEntry]:
    """Return the entries of a sweep, ordered by reference.

    With ``other_than``, only those for which that sweep has not the same image and verdict.
    """
    query = select(*(SWEPT[name] for name in _FIELDS)).where(SWEPT.sweep == sweep)
    if other_than is not None:
        other = swept_table.alias("other")
        same = (other.c[name] == SWEPT[name] for name in _COMPARED)
        query = query.where(~exists().where(other.c.sweep == other_than, *same))
    return [
        SweepEntry(
            reference, intern(platform), intern(profile), identity, Status(status),
            Grade(grade) if grade else None, boot, intern(cause), recording,
        )
        for reference, platform, profile, identity, status, grade, boot, cause, recording
        in connection.execute(query.order_by(SWEPT.reference))
    ]  # fmt: skip


def fields_of(entry: SweepEntry) -> dict[str, Any]:
    """Return the fields of an entry as they are stored."""
    grade = entry.grade.value if entry.grade else None
    stored = {name: getattr(entry, name) for name in _FIELDS}
    return {**stored, "status": entry.status.value, "grade": grade}


def entry_of(fields: Mapping[Any, Any]) -> SweepEntry:
    """Return an entry from its fields as they are stored. Raises ValueError."""
    grade = fields["grade"]
    terms: dict[str, Any] = {
        "status": Status(fields["status"]), "grade": Grade(grade) if grade else None,
        **{name: intern(fields[name]) for name in ("platform", "profile", "cause")},
    }  # fmt: skip
    return SweepEntry(**{**fields, **terms})
