"""Sweeps in the ledger: one of a list runs at a time, or each of its shards once.

Sweeps of different lists run beside each other; what both have, one of them certifies
(:mod:`certify.ledger.claims`).

The entries of a sweep are compared with those of the one before. Sweeps of shards wait until one of
the whole list takes them in.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from certify.ledger.changes import SweepEntry
from certify.ledger.database import LedgerPart
from certify.ledger.rows import BATCH_SIZE, batched
from certify.ledger.schema import (
    beats_table,
    claims_table,
    clock_of,
    schema_table,
    sweeps_table,
    swept_table,
)
from certify.ledger.swept import SWEPT, fields_of, read_entries, read_unfound
from certify.model.errors import LedgerUnavailable, SweepRunning
from certify.model.shard import is_shard
from certify.model.terms import Status
from certify.util.text import one_line

SWEEP = sweeps_table.c
_WHOLE = SWEEP.shard == ""
NEWEST_FIRST = (SWEEP.finished_at.desc(), SWEEP.id.desc())
BEAT_INTERVAL = timedelta(seconds=30)
"""The time between two heartbeats of a running sweep."""
SILENCE_LIMIT = timedelta(minutes=5)
"""The time without a heartbeat after which a sweep on another machine counts as dead.

After it the claims of a sweep on this machine go to others, too: its process may be stopped.
"""
JOINED = "*"
"""The shard of the short sweep that joins those of a list; it certifies nothing, so it may run
beside others."""
KEPT_SWEEPS = 100
"""The number of finished sweeps of whole lists that are kept; results are kept for good."""


@dataclass(frozen=True, slots=True)
class FinishedSweep:
    """A sweep that ran to its end."""

    id: int
    source: str
    """The list that was swept, with the options that narrow it down."""
    started_at: datetime
    finished_at: datetime
    owner: str = ""
    shard: str = ""
    """The part of the list, such as ``3/8``; empty for the whole."""


class Sweeps(LedgerPart):
    """The sweeps of one ledger."""

    def begin(
        self, source: str, owner: str, is_dead: Callable[[str], bool | None], shard: str = ""
    ) -> int:
        """Record that a sweep is running and return its number.

        ``owner`` names this process, as ``machine/process ID/…``. ``is_dead`` returns True if the
        process of such an owner has ended, or None if that cannot be known, because it ran on
        another machine or before a restart. The record of a sweep is removed if its process has
        ended, or if that is unknown and it sent no heartbeat for :data:`SILENCE_LIMIT`.
        Raises :class:`SweepRunning` if a sweep of the same list is running that is no other shard.
        """
        with self._database.writing() as connection:
            # This locks the ledger's only row, so that of two sweeps that begin at once one waits
            # for the other: on a server, neither would see the row that the other inserts.
            connection.execute(schema_table.update().values(version=schema_table.c.version))
            now = clock_of(connection)
            key = connection.execute(
                sweeps_table.insert().values(
                    source=source, shard=shard, owner=owner, started_at=now
                )
            ).inserted_primary_key
            assert key is not None
            mine = int(key[0])
            connection.execute(beats_table.insert().values(sweep=mine, at=now))
            others = connection.execute(
                select(sweeps_table).where(SWEEP.finished_at.is_(None), SWEEP.id != mine)
            ).all()
            for other in others:
                if is_over(connection, other, now, is_dead):
                    remove_unfinished(connection, other.id)
                elif _excludes(other, source, shard):
                    pid = other.owner.partition("/")[2].partition("/")[0] or other.owner
                    name = one_line(name_of(other.source, other.shard))
                    raise SweepRunning(
                        f"a sweep of {name} has been running on this ledger since "
                        f"{other.started_at:%Y-%m-%d %H:%M} UTC (process {one_line(pid)})",
                        remedy="Wait for it, or end it; or name another ledger with --ledger.",
                    )
        return mine

    @contextmanager
    def running(
        self, source: str, owner: str, is_dead: Callable[[str], bool | None], shard: str = ""
    ) -> Iterator[int]:
        """Begin a sweep, send heartbeats during the block, and remove it if it did not finish.

        Raises as :meth:`begin` does. If the ledger fails after that, the block goes on, and what
        the block raises is raised.
        """
        number, over = self.begin(source, owner, is_dead, shard), threading.Event()

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
        with self._database.writing() as connection:
            connection.execute(beats_table.update().where(mine).values(at=clock_of(connection)))

    def abandon(self, sweep: int) -> None:
        """Remove a sweep that did not finish; leave one that did."""
        with self._database.writing() as connection:
            remove_unfinished(connection, sweep)

    def finish(self, sweep: int, entries: Sequence[SweepEntry]) -> None:
        """Record that a sweep finished, with its entries, and remove sweeps that are too old.

        One of a whole list takes in those of its shards; one of a shard replaces the one before.
        Does nothing if another sweep removed this one, because it seemed to be dead.
        """
        with self._database.writing() as connection:
            found = connection.execute(select(sweeps_table).where(SWEEP.id == sweep)).first()
            if found is None:
                return
            shard = "" if found.shard == JOINED else found.shard
            ended = sweeps_table.update().where(SWEEP.id == sweep)
            connection.execute(ended.values(finished_at=clock_of(connection), shard=shard))
            for part in batched(entries, BATCH_SIZE):
                rows = [{"sweep": sweep, **fields_of(each)} for each in part]
                connection.execute(swept_table.insert(), rows)
            if shard:
                remove(connection, *of_shard(found.source, shard), SWEEP.id != sweep)
                return
            shards = SWEEP.source == found.source, ~_WHOLE, SWEEP.finished_at.is_not(None)
            taken = select(SWEEP.id).where(*shards)
            connection.execute(swept_table.delete().where(SWEPT.sweep.in_(taken)))
            connection.execute(sweeps_table.update().where(*shards).values(joined=sweep))
            old = (
                select(SWEEP.id)
                .where(_WHOLE, SWEEP.finished_at.is_not(None))
                .order_by(SWEEP.id.desc())
                .offset(KEPT_SWEEPS)
            )
            remove(connection, SWEEP.id.in_(list(connection.scalars(old))))

    def finished(self, count: int | None, source: str | None = None) -> list[FinishedSweep]:
        """Return the finished sweeps of whole lists, or of one, at most ``count``, newest first."""
        query = select(sweeps_table).where(_WHOLE, SWEEP.finished_at.is_not(None))
        if source is not None:
            query = query.where(SWEEP.source == source)
        return self._finished(query.order_by(*NEWEST_FIRST).limit(count))

    def newest_name(self, names: Sequence[str]) -> str | None:
        """Return which of several names of a list the newest sweep has; None if none has one."""
        query = select(SWEEP.source).where(SWEEP.source.in_(names))
        with self._database.reading() as connection:
            return next(iter(connection.scalars(query.order_by(SWEEP.id.desc()).limit(1))), None)

    def waiting(self) -> list[FinishedSweep]:
        """Return the finished sweeps of shards that none of the whole list has taken in yet.

        A shard of no list, as an older certify imported it from a broken file, is passed over.
        """
        query = select(sweeps_table).where(
            ~_WHOLE, SWEEP.finished_at.is_not(None), SWEEP.joined.is_(None)
        )
        found = self._finished(query.order_by(*NEWEST_FIRST))
        return [each for each in found if is_shard(each.shard)]

    def _finished(self, query: Select[Any]) -> list[FinishedSweep]:
        with self._database.reading() as connection:
            return [
                FinishedSweep(
                    row.id, row.source, row.started_at, row.finished_at, row.owner, row.shard
                )
                for row in connection.execute(query)
            ]

    def entries(self, sweep: int) -> list[SweepEntry]:
        """Return the entries of a sweep, ordered by reference."""
        with self._database.reading() as connection:
            return read_entries(connection, sweep)

    def differing_entries(
        self, before: int, after: int
    ) -> tuple[list[SweepEntry], list[SweepEntry]]:
        """Return the entries of two sweeps by which they differ in a verdict or an image.

        Changes found in them are those of all entries, of which most are the same.
        """
        with self._database.reading() as connection:
            return (
                read_entries(connection, before, other_than=after),
                read_entries(connection, after, other_than=before),
            )

    def unfound(self, sweep: int) -> list[SweepEntry]:
        """Return the entries of a sweep that have no image, ordered by reference.

        These are names that never led to one, globs that could not be expanded, and shards that did
        not end.
        """
        with self._database.reading() as connection:
            return read_unfound(connection, sweep)

    def tally(self, sweep: int) -> dict[Status, int]:
        """Return the number of entries of a sweep with each verdict."""
        query = select(SWEPT.status, func.count()).where(SWEPT.sweep == sweep)
        with self._database.reading() as connection:
            found = connection.execute(query.group_by(SWEPT.status)).all()
        return {Status(status): count for status, count in found}


def name_of(source: str, shard: str) -> str:
    """Return the name of a list or of one of its shards, for messages."""
    return f"{source} --shard {shard}" if shard else source


def remove(connection: Connection, *conditions: ColumnElement[bool]) -> None:
    """Remove sweeps with their entries."""
    found = select(SWEEP.id).where(*conditions)
    connection.execute(swept_table.delete().where(SWEPT.sweep.in_(found)))
    connection.execute(sweeps_table.delete().where(*conditions))


def of_shard(source: str, shard: str) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions on the finished sweeps of a list, or of one of its shards."""
    return SWEEP.source == source, SWEEP.shard == shard, SWEEP.finished_at.is_not(None)


def is_over(
    connection: Connection,
    sweep: Row[Any],
    now: datetime,
    is_dead: Callable[[str], bool | None],
) -> bool:
    """Return True if a sweep finished, or counts as dead (:meth:`Sweeps.begin`)."""
    if sweep.finished_at is not None:
        return True
    dead = is_dead(sweep.owner)
    return is_silent(connection, sweep, now) if dead is None else dead


def is_silent(connection: Connection, sweep: Row[Any], now: datetime) -> bool:
    """Return True if a sweep sent no heartbeat for :data:`SILENCE_LIMIT`."""
    return now - _last_beat(connection, sweep) > SILENCE_LIMIT


def remove_unfinished(connection: Connection, sweep: int) -> None:
    """Remove the claims and heartbeats of a sweep, and the sweep itself unless it finished."""
    connection.execute(claims_table.delete().where(claims_table.c.sweep == sweep))
    connection.execute(beats_table.delete().where(beats_table.c.sweep == sweep))
    connection.execute(sweeps_table.delete().where(SWEEP.id == sweep, SWEEP.finished_at.is_(None)))


def _excludes(running: Row[Any], source: str, shard: str) -> bool:
    """Return True if a sweep of a list or shard may not begin beside one that runs."""
    if running.source != source or JOINED in (shard, running.shard):
        return False
    return not shard or running.shard in ("", shard)


def _last_beat(connection: Connection, sweep: Row[Any]) -> datetime:
    """Return the last heartbeat of a sweep; older versions sent none, so theirs is the start."""
    query = select(beats_table.c.at).where(beats_table.c.sweep == sweep.id)
    last: datetime = connection.scalar(query) or sweep.started_at
    return last
