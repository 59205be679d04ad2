"""Sweeps in the ledger: one runs at a time, and its entries are compared with the one before."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, Row, select

from certify.ledger.changes import SweepEntry
from certify.ledger.connect import writing
from certify.ledger.schema import beats_table, clock_of, schema_table, sweeps_table, swept_table
from certify.model.errors import LedgerUnavailable, SweepRunning
from certify.model.terms import Grade, Status

SWEEP = sweeps_table.c
BEAT_INTERVAL = timedelta(minutes=1)
"""The time between two heartbeats of a running sweep."""
SILENCE_LIMIT = timedelta(minutes=15)
"""The time without a heartbeat after which a sweep on another machine counts as dead."""
KEPT_SWEEPS = 100
"""The number of finished sweeps whose entries are kept; results are kept for good."""


@dataclass(frozen=True, slots=True)
class FinishedSweep:
    """A sweep that ran to its end."""

    id: int
    source: str
    """The list that was swept, with the options that narrow it down."""
    started_at: datetime
    finished_at: datetime


class Sweeps:
    """The sweeps of one ledger.

    Every method raises :class:`LedgerUnavailable` if the ledger fails.
    """

    def __init__(
        self, engine: Engine, translate_errors: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._engine = engine
        self._translate_errors = translate_errors

    def begin(self, source: str, owner: str, is_dead: Callable[[str], bool | None]) -> int:
        """Record that a sweep is running and return its number.

        ``owner`` names this process, as ``machine/process ID/…``. ``is_dead`` returns True if the
        process of such an owner has ended, or None if that cannot be known, because it ran on
        another machine or before a restart. The record of a sweep is removed if its process has
        ended, or if that is unknown and it sent no heartbeat for :data:`SILENCE_LIMIT`.
        Raises :class:`SweepRunning` if another sweep is running.
        """
        with self._translate_errors(), writing(self._engine) as connection:
            # This locks the ledger's only row, so that of two sweeps that begin at once one waits
            # for the other: on a server, neither would see the row that the other inserts.
            connection.execute(schema_table.update().values(version=schema_table.c.version))
            now = clock_of(connection)
            key = connection.execute(
                sweeps_table.insert().values(source=source, owner=owner, started_at=now)
            ).inserted_primary_key
            assert key is not None
            mine = int(key[0])
            connection.execute(beats_table.insert().values(sweep=mine, at=now))
            others = connection.execute(
                select(sweeps_table).where(SWEEP.finished_at.is_(None), SWEEP.id != mine)
            ).all()
            for other in others:
                dead = is_dead(other.owner)
                if dead is None:
                    dead = now - _last_beat(connection, other) > SILENCE_LIMIT
                if not dead:
                    pid = other.owner.partition("/")[2].partition("/")[0]
                    raise SweepRunning(
                        f"a sweep of {other.source} has been running on this ledger since "
                        f"{other.started_at:%Y-%m-%d %H:%M} UTC (process {pid or other.owner})",
                        remedy="Wait for it, or end it; or name another ledger with --ledger.",
                    )
                _remove_unfinished(connection, other.id)
        return mine

    @contextmanager
    def running(
        self, source: str, owner: str, is_dead: Callable[[str], bool | None]
    ) -> Iterator[int]:
        """Begin a sweep, send heartbeats during the block, and remove it if it did not finish.

        Raises as :meth:`begin` does. If the ledger fails after that, the block goes on, and what
        the block raises is raised.
        """
        number, over = self.begin(source, owner, is_dead), threading.Event()

        def beat() -> None:
            while not over.wait(BEAT_INTERVAL.total_seconds()):
                with suppress(LedgerUnavailable):  # the next heartbeat may succeed
                    self._beat(number)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield number
        finally:
            over.set()
            thread.join()
            with suppress(LedgerUnavailable):  # must not replace what the block raised
                self.abandon(number)

    def _beat(self, sweep: int) -> None:
        mine = beats_table.c.sweep == sweep
        with self._translate_errors(), writing(self._engine) as connection:
            connection.execute(beats_table.update().where(mine).values(at=clock_of(connection)))

    def abandon(self, sweep: int) -> None:
        """Remove a sweep that did not finish; leave one that did."""
        with self._translate_errors(), writing(self._engine) as connection:
            _remove_unfinished(connection, sweep)

    def finish(self, sweep: int, entries: Iterable[SweepEntry]) -> None:
        """Record that a sweep finished, with its entries, and remove the oldest sweeps.

        Does nothing if another sweep removed this one, because it seemed to be dead.
        """
        rows = [
            {
                "sweep": sweep, "reference": each.reference, "platform": each.platform,
                "profile": each.profile, "identity": each.identity, "status": each.status.value,
                "grade": each.grade.value if each.grade else None,
                "boot_seconds": each.boot_seconds, "cause": each.cause,
            }
            for each in entries
        ]  # fmt: skip
        with self._translate_errors(), writing(self._engine) as connection:
            now = clock_of(connection)
            mine = sweeps_table.update().where(SWEEP.id == sweep)
            ended = connection.execute(mine.values(finished_at=now))
            if not ended.rowcount:
                return
            if rows:
                connection.execute(swept_table.insert(), rows)
            old = (
                select(SWEEP.id)
                .where(SWEEP.finished_at.is_not(None))
                .order_by(SWEEP.id.desc())
                .offset(KEPT_SWEEPS)
            )
            ids = list(connection.scalars(old))
            connection.execute(swept_table.delete().where(swept_table.c.sweep.in_(ids)))
            connection.execute(sweeps_table.delete().where(SWEEP.id.in_(ids)))

    def finished(self, count: int, source: str | None = None) -> list[FinishedSweep]:
        """Return at most ``count`` finished sweeps (of one source, if given), newest first."""
        query = select(sweeps_table).where(SWEEP.finished_at.is_not(None))
        if source is not None:
            query = query.where(SWEEP.source == source)
        with self._translate_errors(), self._engine.connect() as connection:
            rows = connection.execute(query.order_by(SWEEP.id.desc()).limit(count)).all()
        return [FinishedSweep(row.id, row.source, row.started_at, row.finished_at) for row in rows]

    def entries(self, sweep: int) -> list[SweepEntry]:
        """Return the entries of a sweep, ordered by reference."""
        query = select(swept_table).where(swept_table.c.sweep == sweep)
        with self._translate_errors(), self._engine.connect() as connection:
            rows = connection.execute(query.order_by(swept_table.c.reference)).all()
        return [
            SweepEntry(
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


def _remove_unfinished(connection: Connection, sweep: int) -> None:
    connection.execute(beats_table.delete().where(beats_table.c.sweep == sweep))
    connection.execute(sweeps_table.delete().where(SWEEP.id == sweep, SWEEP.finished_at.is_(None)))


def _last_beat(connection: Connection, sweep: Row[tuple[object, ...]]) -> datetime:
    """Return the last heartbeat of a sweep; older versions sent none, so theirs is the start."""
    query = select(beats_table.c.at).where(beats_table.c.sweep == sweep.id)
    last: datetime = connection.scalar(query) or sweep.started_at
    return last
