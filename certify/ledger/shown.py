"""Which results stand, told lightly: names and numbers first, documents only where asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select

from certify.ledger import queries
from certify.ledger.queries import NAMES, ROW
from certify.model import Grade, Status


@dataclass(frozen=True, slots=True)
class Shown:
    """One row of a matrix: a reference, a platform, a profile, and what stands for it."""

    id: int
    """The number of that result in the ledger."""
    names: dict[str, Any]
    """What the reference says; the result may have been recorded under another name."""
    platform: str
    profile: str

    @property
    def key(self) -> tuple[str, str, str]:
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
    columns = (ROW.id, ROW.platform, ROW.profile)
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
        Shown(row[0], dict(zip(wanted, row[3:], strict=True)), row[1], row[2])
        for row in connection.execute(query)
    ]


def latest(connection: Connection) -> dict[tuple[str, str, str], int]:
    """For each reference, platform and profile the number of its newest result."""
    keys = (ROW.reference, ROW.platform, ROW.profile)
    query = select(*keys, func.max(ROW.id)).group_by(*keys)
    return {(row[0], row[1], row[2]): row[3] for row in connection.execute(query)}


def past(connection: Connection, each: Shown) -> list[Past]:
    """Every result recorded under a row's own name, platform and profile, the oldest first."""
    columns = (ROW.finished_at, ROW.status, ROW.grade, ROW.boot_seconds, ROW.identity)
    query = (
        select(*columns)
        .where(
            ROW.reference == each.names["reference"],
            ROW.platform == each.platform,
            ROW.profile == each.profile,
        )
        .order_by(ROW.finished_at, ROW.id)
    )
    return [
        Past(row[0], Status(row[1]), Grade(row[2]) if row[2] else None, row[3], row[4])
        for row in connection.execute(query)
    ]
