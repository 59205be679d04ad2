"""Claims on images: what each running sweep certifies, so that no other one certifies it, too.

A claim ends when its results are recorded, or with its sweep: claims of a sweep that counts as dead
(:mod:`certify.ledger.sweeps`) go to whoever wants them next, and so do those of a sweep whose
process is there but silent. That one may go on later: then both certify the image.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from certify.ledger.database import LedgerPart
from certify.ledger.queries import ROW
from certify.ledger.schema import claims_table, clock_of, schema_table, sweeps_table
from certify.ledger.sweeps import is_over, is_silent, name_of, remove_unfinished
from certify.model.subject import Subject
from certify.model.terms import Status

CLAIM = claims_table.c


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of a claim on the subjects of one image."""

    holder: str = ""
    """The sweep that certifies one of them now; empty if all that are left are claimed."""
    recorded: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Profiles for which another process has recorded a conclusive result meanwhile, each with
    the references that have it."""


class Claims(LedgerPart):
    """The claims of all sweeps of one ledger."""

    def newest(self) -> int:
        """Return the number of the newest result; 0 if there is none."""
        with self._database.reading() as connection:
            return connection.scalar(select(func.max(ROW.id))) or 0

    def take(
        self,
        sweep: int,
        images: Iterable[Sequence[Subject]],
        most: int,
        since: int,
        is_dead: Callable[[str], bool | None],
    ) -> list[Answer]:
        """Claim images for a sweep until it has ``most`` more, all subjects of an image or none.

        Returns an answer for each image, as far as they were looked at. What was recorded after
        the result number ``since`` is not claimed. ``is_dead`` is that of
        :meth:`~certify.ledger.sweeps.Sweeps.begin`.
        """
        answers: list[Answer] = []
        with self._database.writing() as connection:
            # One process claims at a time. SQLite's transactions that write do so anyway.
            connection.execute(select(schema_table.c.version).with_for_update())
            now = clock_of(connection)
            for subjects in images:
                # First claims, then results: a claim ends only after its results are recorded.
                holder = _holder(connection, sweep, subjects, now, is_dead)
                recorded = {} if holder else _recorded(connection, subjects, since)
                answers.append(Answer(holder, recorded))
                left = [each for each in subjects if each.profile not in recorded]
                if not holder and left:
                    rows = [{"sweep": sweep, **each._asdict()} for each in left]
                    connection.execute(claims_table.delete().where(_on(left)))
                    connection.execute(claims_table.insert(), rows)
                    most -= 1
                if most <= 0:
                    break
        return answers

    def release(self, sweep: int, subjects: Sequence[Subject]) -> None:
        """End a sweep's claims on the subjects of an image."""
        with self._database.writing() as connection:
            connection.execute(claims_table.delete().where(CLAIM.sweep == sweep, _on(subjects)))


def _on(subjects: Iterable[Subject]) -> ColumnElement[bool]:
    return or_(
        *(and_(*(CLAIM[name] == value for name, value in s._asdict().items())) for s in subjects)
    )


def _holder(
    connection: Connection,
    sweep: int,
    subjects: Sequence[Subject],
    now: datetime,
    is_dead: Callable[[str], bool | None],
) -> str:
    """Return the name of another sweep with a claim; remove those that are dead."""
    query = (
        select(sweeps_table)
        .join(claims_table, CLAIM.sweep == sweeps_table.c.id)
        .where(CLAIM.sweep != sweep, _on(subjects))
        .distinct()
    )
    for other in connection.execute(query).all():
        if is_over(connection, other, now, is_dead):
            remove_unfinished(connection, other.id)
        elif not is_silent(connection, other, now):
            return name_of(other.source, other.shard)
    return ""


def _recorded(
    connection: Connection, subjects: Sequence[Subject], since: int
) -> dict[str, frozenset[str]]:
    """Return the profiles with a conclusive result after a number, and under which names."""
    found: dict[str, set[str]] = defaultdict(set)
    for each in subjects:
        query = select(ROW.reference).where(
            ROW.identity == each.identity, ROW.platform == each.platform,
            ROW.profile == each.profile, ROW.suite_digest == each.suite_digest,
            ROW.host_class == each.host_class, ROW.status != Status.INCONCLUSIVE.value,
            ROW.id > since,
        )  # fmt: skip
        for reference in connection.scalars(query):
            found[each.profile].add(reference)
    return {profile: frozenset(names) for profile, names in found.items()}
