"""The verdicts on an image by kind of host, where hosts of several kinds have judged it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from sqlalchemy import Connection, func, select

from certify.ledger.database import Database
from certify.ledger.matrix_rows import MatrixRow
from certify.ledger.queries import ROW
from certify.ledger.schema import results_table
from certify.model.host import HostVerdict
from certify.model.result import Result
from certify.model.terms import Grade, Status


class HostVerdicts:
    """The verdicts of a ledger by kind of host (:attr:`certify.model.result.Host.kind`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def kinds(self) -> list[str]:
        """Return the kinds of host that recorded results, sorted."""
        query = select(ROW.host_class).where(ROW.host_class > "").distinct()
        with self._database.reading() as connection:
            return sorted(connection.scalars(query))

    def of_rows(self, rows: Sequence[MatrixRow]) -> dict[int, tuple[HostVerdict, ...]]:
        """Return, by the number of a row's result, the verdicts in force by kind of host.

        They are of the same image, platform and profile, ordered by kind. Rows whose image only
        one kind has judged are left out. Pass a few hundred rows at most: their numbers become
        parameters of one query.
        """
        if not self._has_several_kinds:
            return {}
        with self._database.reading() as connection:
            return _read(connection, [row.id for row in rows])

    @cached_property
    def _has_several_kinds(self) -> bool:
        """True if hosts of several kinds have recorded results; two lookups in an index tell."""
        known, ends = ROW.host_class > "", (func.min, func.max)
        with self._database.reading() as connection:
            found = [connection.scalar(select(end(ROW.host_class)).where(known)) for end in ends]
        return bool(found[0] != found[1])


def with_hosts(result: Result, verdicts: tuple[HostVerdict, ...]) -> Result:
    """Return a result with these verdicts by kind of host, whatever it says of them itself."""
    # A copy takes kilobytes, and most images were judged by one kind alone.
    same = result.hosts == verdicts
    return result if same else result.model_copy(update={"hosts": verdicts})


def _read(connection: Connection, numbers: Sequence[int]) -> dict[int, tuple[HostVerdict, ...]]:
    other = results_table.alias("other")
    query = (
        select(
            ROW.id, other.c.host_class, other.c.status, other.c.grade,
            other.c.finished_at, other.c.expires_at,
        )
        .join(
            other,
            (other.c.identity == ROW.identity)
            & (other.c.platform == ROW.platform)
            & (other.c.profile == ROW.profile),
        )
        .where(ROW.id.in_(numbers), other.c.host_class > "")
        .order_by(ROW.id, other.c.host_class, other.c.id)
    )  # fmt: skip
    found: dict[int, dict[str, HostVerdict]] = {}
    for number, kind, status, grade, finished_at, expires_at in connection.execute(query):
        verdicts = found.setdefault(number, {})
        verdict = HostVerdict(
            kind=kind,
            status=Status(status),
            grade=Grade(grade) if grade else None,
            finished_at=finished_at,
            expires_at=expires_at,
        )
        before = verdicts.get(kind, verdict)
        # An inconclusive run never replaces a certificate or a rejection.
        if verdict.status is not Status.INCONCLUSIVE or before.status is Status.INCONCLUSIVE:
            verdicts[kind] = verdict
    return {
        number: tuple(verdicts.values()) for number, verdicts in found.items() if len(verdicts) > 1
    }
