"""Which results stand, told lightly: names and numbers first, documents only where asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select

from certify.ledger import queries
from certify.ledger.queries import NAMES, ROW
from certify.model.terms import Grade, Status

Key = tuple[str, str, str]
"""A reference, a platform (empty where nobody got that far) and a profile."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One row of a matrix: a reference, a platform, a profile, and what stands for it."""

    id: int
    """The number of that result in the ledger."""
    names: dict[str, Any]
    """What the reference says; the result may have been recorded under another name."""
    platform: str
    profile: str
    expires_at: datetime
    status: Status

    @property
    def key(self) -> Key:
        """What there is one row of."""
        return self.names["reference"], self.platform, self.profile


@dataclass(frozen=True, slots=True)
class Past:
    """One result of a reference's history, as much as a plot and a table need."""

    at: datetime
    status: Status
    grade: Grade | None
    boot_seconds: float | None
    identity: str


def shown(connection: Connection, profile: str | None) -> list[Shown]:
    """All rows of the matrix, in the order of their keys.

    A run that could not even get an image hides nothing: it shows only where there is nothing
    else to show, and one that does not even know a platform only where no other row does.
    """
    columns = (ROW.id, ROW.platform, ROW.profile, ROW.expires_at, ROW.status)
    found = _rows(connection, queries.pointed_at(profile, columns))
    standing = {each.key: each for each in found}
    names = {(each.names["reference"], each.profile) for each in found}
    unreached = _rows(connection, queries.never_reached(profile, (*columns, *NAMES)))
    for each in sorted(unreached, key=lambda each: not each.platform):
        name = each.names["reference"], each.profile
        if each.platform or name not in names:
            standing.setdefault(each.key, each)
            names.add(name)
    return [standing[key] for key in sorted(standing)]


def _rows(connection: Connection, query: Select[Any]) -> list[Shown]:
    # By position: the names come last, and a column may bear the name of one of them.
    wanted = [name.name for name in NAMES]
    return [
        Shown(
            number, dict(zip(wanted, names, strict=True)), platform, profile, ends, Status(status)
        )
        for number, platform, profile, ends, status, *names in connection.execute(query)
    ]


def latest(connection: Connection) -> dict[Key, int]:
    """For each reference, platform and profile the number of its newest result."""
    keys = (ROW.reference, ROW.platform, ROW.profile)
    query = select(*keys, func.max(ROW.id)).group_by(*keys)
    return {(row[0], row[1], row[2]): row[3] for row in connection.execute(query)}


def past(connection: Connection, rows: Sequence[Shown]) -> dict[Key, list[Past]]:
    """Every result recorded under the rows' own names, platforms and profiles, oldest first."""
    found: dict[Key, list[Past]] = {row.key: [] for row in rows}
    query = (
        select(
            ROW.reference, ROW.platform, ROW.profile,
            ROW.finished_at, ROW.status, ROW.grade, ROW.boot_seconds, ROW.identity,
        )
        .where(ROW.reference.in_({row.names["reference"] for row in rows}))
        .order_by(ROW.finished_at, ROW.id)
    )  # fmt: skip
    for reference, platform, profile, at, status, grade, boot, identity in connection.execute(
        query
    ):
        if (reference, platform, profile) in found:
            each = Past(at, Status(status), Grade(grade) if grade else None, boot, identity)
            found[reference, platform, profile].append(each)
    return found
