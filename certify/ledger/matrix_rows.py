"""Rows of the compatibility matrix and points of its plots, read without whole results."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter, itemgetter
from sys import intern
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, select

from certify.ledger import queries
from certify.ledger.queries import NAMES, ROW
from certify.model.result_key import ResultKey
from certify.model.terms import Grade, Status

FETCHED = 1_000
"""The number of rows that are fetched at once."""


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One row of the matrix: a reference, a platform, a profile, and the result in force."""

    id: int
    """The number of the result in the ledger."""
    reference: str
    """The reference; the result may have been recorded under another name."""
    registry: str | None
    repository: str | None
    tag: str | None
    platform: str
    """Empty if unknown."""
    profile: str
    expires_at: datetime
    status: Status
    boot_seconds: float | None = None

    @property
    def key(self) -> ResultKey:
        """The key, unique in a matrix."""
        return ResultKey(self.reference, self.platform, self.profile)

    @property
    def names(self) -> dict[str, Any]:
        """The reference and its parts, as fields of an image."""
        return {
            "reference": self.reference, "registry": self.registry,
            "repository": self.repository, "tag": self.tag,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class HistoryPoint:
    """One result in the history of a reference, as much as plots and tables need."""

    at: datetime
    status: Status
    grade: Grade | None
    boot_seconds: float | None
    identity: str
    """The digest, or else the image ID, or else the reference."""


def read_rows(
    connection: Connection,
    profile: str | None,
    references: Collection[str] | None = None,
    hosts: Collection[str] = (),
) -> list[MatrixRow]:
    """Return all rows of the matrix, or those of a profile or of some references, ordered by key.

    A run that found no image has a row only if no other result has the same key; if its platform
    is unknown too, only if no other row has the same reference and profile.
    """
    columns = (
        ROW.id, ROW.platform, ROW.profile, ROW.expires_at, ROW.status, ROW.boot_seconds,
    )  # fmt: skip
    in_force = queries.results_of_references(profile, columns, references, hosts)
    rows = _rows(connection, in_force)
    lost = queries.runs_without_image(profile, (*columns, *NAMES), references)
    if without_image := _rows(connection, lost):
        keys = {each.key for each in rows}
        names = {(each.reference, each.profile) for each in rows}
        for each in sorted(without_image, key=lambda each: not each.platform):
            name = each.reference, each.profile
            if each.key not in keys and (each.platform or name not in names):
                rows.append(each)
                names.add(name)
    return sorted(rows, key=attrgetter("reference", "platform", "profile"))


def _rows(connection: Connection, query: Select[Any]) -> list[MatrixRow]:
    # By position: the names come last, and another column may have the name of one of them.
    # What many rows share is one text in memory.
    return [
        MatrixRow(
            number, reference, one_text(registry), one_text(repository), one_text(tag),
            one_text(platform), one_text(profile), ends, Status(status), boot,
        )
        for number, platform, profile, ends, status, boot, reference, registry, repository, tag
        in connection.execute(query)
    ]  # fmt: skip


def one_text(text: Any) -> Any:
    """Return a text as the one object of all equal ones, and None as it is."""
    return text and intern(text)


class Recent(NamedTuple):
    """The last results recorded under a key, and the number of all."""

    total: int
    newest: int
    """The largest number of a result."""
    runs: str
    """The initials of the last verdicts, the oldest first."""


def read_recent(
    connection: Connection, count: int, references: Collection[str] | None = None
) -> Iterator[tuple[ResultKey, Recent]]:
    """Yield the last so many results of each reference, platform and profile, ordered by these."""
    keys = (ROW.reference, ROW.platform, ROW.profile)
    query = select(*keys, ROW.id, ROW.status).order_by(*keys, ROW.finished_at, ROW.id)
    if references is not None:
        query = query.where(ROW.reference.in_(references))
    # There may be millions: a server does not send all of them at once.
    rows = connection.execute(query, execution_options={"yield_per": FETCHED})
    for (reference, platform, profile), group in groupby(rows, key=itemgetter(0, 1, 2)):
        numbers, statuses = zip(*((number, status) for *_, number, status in group), strict=True)
        runs = "".join(status[0] for status in statuses[-count:])
        key = ResultKey(reference, one_text(platform), one_text(profile))
        yield key, Recent(len(numbers), max(numbers), intern(runs))


def read_history_points(
    connection: Connection, rows: Sequence[MatrixRow]
) -> dict[ResultKey, list[HistoryPoint]]:
    """Return all results recorded under the keys of some rows, the oldest first."""
    found: dict[ResultKey, list[HistoryPoint]] = {row.key: [] for row in rows}
    query = (
        select(
            ROW.reference, ROW.platform, ROW.profile,
            ROW.finished_at, ROW.status, ROW.grade, ROW.boot_seconds, ROW.identity,
        )
        .where(ROW.reference.in_({row.reference for row in rows}))
        .order_by(ROW.finished_at, ROW.id)
    )  # fmt: skip
    for *key, at, status, grade, boot, identity in connection.execute(query):
        if (points := found.get(ResultKey(*key))) is not None:
            known = Grade(grade) if grade else None
            points.append(HistoryPoint(at, Status(status), known, boot, identity))
    return found
