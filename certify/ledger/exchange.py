"""The way of results, revocations and sweeps from one ledger to others (:mod:`.lines`).

Each result has the name of its recording, the same in every ledger that has it, so taking in a line
again changes nothing. Results keep the order in which their own ledger recorded them; between
ledgers, the moment decides in which a certification ended.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, and_, select

from certify.ledger.changes import SweepEntry
from certify.ledger.database import Database, LedgerPart
from certify.ledger.lines import (
    RESULT,
    REVOCATION,
    SWEEP_LINE,
    Line,
    ResultLine,
    RevocationLine,
    SweepLine,
    parse,
)
from certify.ledger.revocations import Revocations, take_in
from certify.ledger.rows import BATCH_SIZE, refuse_future, row_of
from certify.ledger.schema import clock_of, results_table, sweeps_table, swept_table
from certify.ledger.sweeps import SWEEP, FinishedSweep, Sweeps, of_shard, remove
from certify.ledger.swept import fields_of
from certify.model.errors import LedgerUnavailable, NotRecordable
from certify.model.result import Result
from certify.util.strict_json import read_json
from certify.util.text import one_line

SWEEP_FIELDS = ("source", "shard", "owner", "started_at", "finished_at")
KEPT_SWEEPS = 2
"""The number of sweeps of each list that are exported: what `certify diff` compares."""

Known = Callable[[Collection[str]], Collection[str]]
"""A function that returns those of some recordings that need no export."""


class Exchange(LedgerPart):
    """The way from one ledger to others, and from others to it."""

    def __init__(self, database: Database, warn: Callable[[str], None]) -> None:
        super().__init__(database)
        self._name = database.name
        self._warn = warn

    def known(self, recordings: Collection[str]) -> set[str]:
        """Return those of some recordings, at most a few hundred, that this ledger has."""
        names = results_table.c.recording
        with self._database.reading() as connection:
            return set(connection.scalars(select(names).where(names.in_(recordings))))

    def lines(self, known: Known = lambda _: ()) -> Iterator[Line]:
        """Yield the lines of this ledger, without results that are ``known`` elsewhere."""
        for fields in self.fields(known):
            try:
                yield parse(fields)
            except ValueError as error:
                kind = fields["kind"]
                raise LedgerUnavailable(
                    f"{self._name} has a {kind} that is wrong: {one_line(str(error))}",
                    remedy="Merge the others without it, or a copy of it that is whole.",
                ) from error

    def fields(self, known: Known = lambda _: ()) -> Iterator[dict[str, Any]]:
        """Yield the fields of each line, to be written."""
        yield from self._results(known)
        for revoked in Revocations(self._database).everything():
            yield {"kind": REVOCATION, **revoked}
        sweeps = Sweeps(self._database)
        by_list: dict[str, list[FinishedSweep]] = {}
        for each in sweeps.finished(None):
            by_list.setdefault(each.source, []).append(each)
        whole = [each for found in by_list.values() for each in reversed(found[:KEPT_SWEEPS])]
        for each in [*whole, *sweeps.waiting()]:
            fields = {name: getattr(each, name) for name in SWEEP_FIELDS}
            entries = [_fields(entry) for entry in sweeps.entries(each.id)]
            yield {"kind": SWEEP_LINE, **fields, "entries": entries}

    def _results(self, known: Known) -> Iterator[dict[str, Any]]:
        row, last = results_table.c, 0
        while True:
            names = select(row.id, row.recording).where(row.id > last).order_by(row.id)
            with self._database.reading() as connection:
                found = connection.execute(names.limit(BATCH_SIZE)).all()
                if not found:
                    return
                last = found[-1].id
                new = {each.recording for each in found}.difference(
                    known([each.recording for each in found])
                )
                query = select(row.id, row.recording, row.document).where(row.recording.in_(new))
                documents = connection.execute(query.order_by(row.id)).all() if new else []
            for each in documents:
                try:
                    result = read_json(each.document)
                except ValueError as error:
                    self._warn(f"{self._name}: result {each.id} cannot be read: {error}")
                else:
                    yield {"kind": RESULT, "recording": each.recording, "result": result}

    def take_in(self, ledgers: Sequence[Iterable[Line]]) -> Counter[str]:
        """Record what is new in the lines of ledgers; return how many of each kind were new.

        A result that cannot be read, or that lies in the future, is reported and passed over. What
        was taken in before an error stays.
        """
        taken: Counter[str] = Counter()
        lines = heapq.merge(*map(_with_moment, ledgers), key=lambda pair: pair[0])
        while batch := [line for _, line in islice(lines, BATCH_SIZE)]:
            with self._database.writing() as connection:
                results = [each for each in batch if isinstance(each, ResultLine)]
                taken[RESULT] += self._take_results(connection, results)
                for line in batch:
                    if isinstance(line, RevocationLine):
                        take_in(connection, line.model_dump())
                    elif isinstance(line, SweepLine):
                        taken[SWEEP_LINE] += _take_sweep(connection, line)
        return taken

    def _take_results(self, connection: Connection, lines: Sequence[ResultLine]) -> int:
        results = {each.recording: each.result for each in lines}
        names = results_table.c.recording
        for known in connection.scalars(select(names).where(names.in_(results))):
            del results[known]
        now, rows = clock_of(connection), []
        for name, document in results.items():
            try:
                result = Result.model_validate(document)
                refuse_future(result, now, self._name)
                rows.append({**row_of(result), "recording": name})
            except NotRecordable as error:
                self._warn(f"not recorded: {error.message}")
            except ValidationError as error:
                self._warn(f"result {name} is passed over: {one_line(str(error), 200)}")
        if rows:
            connection.execute(results_table.insert(), rows)
        return len(rows)


def _with_moment(lines: Iterable[Line]) -> Iterator[tuple[datetime, Line]]:
    """Yield each line with the latest moment so far at which a certification ended."""
    latest = datetime.min.replace(tzinfo=UTC)
    for line in lines:
        if isinstance(line, ResultLine):
            latest = max(latest, line.finished_at)
        yield latest, line


def _fields(entry: SweepEntry) -> dict[str, Any]:
    """Return the fields of an entry; few have a document, and older versions know none."""
    fields = fields_of(entry)
    return fields if entry.document else {k: v for k, v in fields.items() if k != "document"}


def _take_sweep(connection: Connection, line: SweepLine) -> int:
    """Record a sweep with its entries, and return 1; or 0 if it is known, or older than known."""
    mine = of_shard(line.source, line.shard)
    known = (
        SWEEP.started_at >= line.started_at
        if line.shard
        else and_(SWEEP.owner == line.owner, SWEEP.started_at == line.started_at)
    )
    if connection.scalar(select(SWEEP.id).where(*mine, known)) is not None:
        return 0
    if line.shard:
        remove(connection, *mine)
    fields = {name: getattr(line, name) for name in SWEEP_FIELDS}
    key = connection.execute(sweeps_table.insert().values(fields)).inserted_primary_key
    assert key is not None
    if line.entries:
        rows = [{"sweep": key[0], **fields_of(each)} for each in line.entries]
        connection.execute(swept_table.insert(), rows)
    return 1
