"""Sweeps in the ledger: one at a time, and what each found, to compare it with the one before."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine, Row, select

from certify.ledger.changes import Swept
from certify.ledger.schema import beats_table, schema_table, sweeps_table, swept_table
from certify.model.errors import BadLedger, SweepRunning
from certify.model.terms import Grade, Status

SWEEP = sweeps_table.c
BEAT = timedelta(minutes=1)
"""So often a sweep says that it is at work."""
SILENT = timedelta(minutes=15)
"""After so long without a word, one of another machine is taken to be gone."""
KEPT = 100
"""So many sweeps can be compared; older ones are forgotten, their results are not."""


@dataclass(frozen=True, slots=True)
class SweepRecord:
    """One sweep that came to its end."""

    id: int
    source: str
    started_at: datetime
    finished_at: datetime


class Sweeps:
    """The sweeps of one ledger. Every method raises `BadLedger` as the ledger does."""

    def __init__(
        self, engine: Engine, explained: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._engine = engine
        self._explained = explained

    def begin(self, source: str, owner: str, is_gone: Callable[[str], bool | None]) -> int:
        """Note that a sweep runs; its number.

        Raises :class:`SweepRunning` if another one does. One whose process is gone, as
        ``is_gone`` tells of its owner, has been killed: its note is taken away. So is that of
        one of which it cannot tell (null: another machine, or this one before it was started
        anew), if it has been silent for long.
        """
        with self._explained(), self._engine.begin() as connection:
            # The ledger's one row is locked first, so that of two that begin at once one waits for
            # the other: on a server two new rows would not.
            connection.execute(schema_table.update().values(version=schema_table.c.version))
            key = connection.execute(
                sweeps_table.insert().values(
                    source=source, owner=owner, started_at=datetime.now(UTC)
                )
            ).inserted_primary_key
            assert key is not None
            mine = int(key[0])
            connection.execute(beats_table.insert().values(sweep=mine, at=datetime.now(UTC)))
            others = connection.execute(
                select(sweeps_table).where(SWEEP.finished_at.is_(None), SWEEP.id != mine)
            ).all()
            for other in others:
                gone = is_gone(other.owner)
                if gone is None:
                    gone = datetime.now(UTC) - _heard_of(connection, other) > SILENT
                if not gone:
                    pid = other.owner.partition("/")[2].partition("/")[0]
                    raise SweepRunning(
                        f"a sweep of {other.source} has been running on this ledger since "
                        f"{other.started_at:%Y-%m-%d %H:%M} UTC (process {pid or other.owner})",
                        remedy="Wait for it, or end it; or name another ledger with --ledger.",
                    )
                _forget(connection, other.id)
        return mine

    @contextmanager
    def running(
        self, source: str, owner: str, is_gone: Callable[[str], bool | None]
    ) -> Iterator[int]:
        """A sweep, for as long as the block takes: it begins, says that it is at work, and is
        abandoned at the end if it was not finished. Raises what :meth:`begin` does, and what the
        block does: a ledger that fails at the end hides none of it.
        """
        number, over = self.begin(source, owner, is_gone), threading.Event()

        def beat() -> None:
            while not over.wait(BEAT.total_seconds()):
                with suppress(BadLedger):  # the next one may do
                    self._beat(number)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield number
        finally:
            over.set()
            thread.join()
            with suppress(BadLedger):  # must not take the place of what ended the block
                self.abandon(number)

    def _beat(self, sweep: int) -> None:
        mine = beats_table.c.sweep == sweep
        with self._explained(), self._engine.begin() as connection:
            connection.execute(beats_table.update().where(mine).values(at=datetime.now(UTC)))

    def abandon(self, sweep: int) -> None:
        """Take the note of a sweep away that was broken off; one that is finished stays."""
        with self._explained(), self._engine.begin() as connection:
            _forget(connection, sweep)

    def finish(self, sweep: int, found: Iterable[Swept]) -> None:
        """Keep what a sweep found, and forget the oldest of many."""
        rows = [
            {
                "sweep": sweep, "reference": each.reference, "platform": each.platform,
                "profile": each.profile, "identity": each.identity, "status": each.status.value,
                "grade": each.grade.value if each.grade else None,
                "boot_seconds": each.boot_seconds, "cause": each.cause,
            }
            for each in found
        ]  # fmt: skip
        with self._explained(), self._engine.begin() as connection:
            ended = connection.execute(
                sweeps_table.update().where(SWEEP.id == sweep).values(finished_at=datetime.now(UTC))
            )
            if not ended.rowcount:
                return  # taken to be gone; the results are recorded, all the same
            if rows:
                connection.execute(swept_table.insert(), rows)
            old = (
                select(SWEEP.id)
                .where(SWEEP.finished_at.is_not(None))
                .order_by(SWEEP.id.desc())
                .offset(KEPT)
            )
            ids = list(connection.scalars(old))
            connection.execute(swept_table.delete().where(swept_table.c.sweep.in_(ids)))
            connection.execute(sweeps_table.delete().where(SWEEP.id.in_(ids)))

    def last(self, count: int, source: str | None = None) -> list[SweepRecord]:
        """The newest sweeps that came to their end, newest first; of one source if one is named."""
        query = select(sweeps_table).where(SWEEP.finished_at.is_not(None))
        if source is not None:
            query = query.where(SWEEP.source == source)
        with self._explained(), self._engine.connect() as connection:
            rows = connection.execute(query.order_by(SWEEP.id.desc()).limit(count)).all()
        return [SweepRecord(row.id, row.source, row.started_at, row.finished_at) for row in rows]

    def found(self, sweep: int) -> list[Swept]:
        """What a sweep found, by reference."""
        query = select(swept_table).where(swept_table.c.sweep == sweep)
        with self._explained(), self._engine.connect() as connection:
            rows = connection.execute(query.order_by(swept_table.c.reference)).all()
        return [
            Swept(
                reference=row.reference,
                platform=row.platform,
                profile=row.profile,
                identity=row.identity,
                status=Status(row.status),
                grade=Grade(row.grade) if row.grade else None,
                boot_seconds=row.boot_seconds,
                cause=row.cause,
            )
            for row in rows
        ]


def _forget(connection: Connection, sweep: int) -> None:
    """Remove the note of a sweep that is at work, and of its being so."""
    connection.execute(beats_table.delete().where(beats_table.c.sweep == sweep))
    connection.execute(sweeps_table.delete().where(SWEEP.id == sweep, SWEEP.finished_at.is_(None)))


def _heard_of(connection: Connection, sweep: Row[tuple[object, ...]]) -> datetime:
    """When a sweep last said that it is at work; at its start, for one of an older certify."""
    query = select(beats_table.c.at).where(beats_table.c.sweep == sweep.id)
    heard: datetime = connection.scalar(query) or sweep.started_at
    return heard
