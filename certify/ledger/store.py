"""The ledger: all results ever recorded, and which of them are in force.

The result in force for an image is the last recorded that is not inconclusive: an inconclusive run
never replaces a certificate or a rejection. Several processes may write to one ledger at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Self
from uuid import uuid4

from pydantic import ValidationError
from sqlalchemy import Engine, Row, Select, select

from certify.ledger import queries, summaries
from certify.ledger.claims import Claims
from certify.ledger.connect import address_of, engine_for
from certify.ledger.database import Database
from certify.ledger.exchange import Exchange
from certify.ledger.host_verdicts import HostVerdicts, with_hosts
from certify.ledger.in_force import ResultInForce, read_in_force
from certify.ledger.matrix_rows import (
    HistoryPoint,
    MatrixRow,
    Recent,
    read_history_points,
    read_recent,
    read_rows,
)
from certify.ledger.preparation import prepare
from certify.ledger.queries import ROW
from certify.ledger.retention import Retention
from certify.ledger.revocations import Revocations
from certify.ledger.rows import BATCH_SIZE, batched, refuse_future, row_of
from certify.ledger.schema import clock_of, results_table
from certify.ledger.sweeps import Sweeps
from certify.model.clock import is_ahead
from certify.model.result import Image, Result
from certify.model.result_key import ResultKey
from certify.model.revocation import reject_if_revoked
from certify.util.text import one_line


class Ledger:
    """Results in a database; a context manager that closes it.

    Every method raises :class:`LedgerUnavailable` if the database cannot be read or written.
    """

    def __init__(self, engine: Engine, warn: Callable[[str], None] = lambda _: None) -> None:
        self._database = Database(engine)
        self._warn = warn
        self._passed_over: set[int] = set()
        self.name = self._database.name
        """The database's name for messages, without a password."""

    @classmethod
    def open(
        cls, url: str, *, make: bool = True, warn: Callable[[str], None] = lambda _: None
    ) -> Self:
        """Open a ledger; ``url`` is a path or an SQLAlchemy database URL.

        ``warn`` gets a line about each result that cannot be read and is passed over. A missing
        file is created, or, if ``make`` is false, raises :class:`NothingRecorded`. Raises
        :class:`LedgerUnavailable` if the database does not answer, is not a ledger, or was written
        by a newer certify, and :class:`BadLedgerUrl` for anything that is not an address.
        """
        ledger = cls(engine_for(url, make=make), warn)
        try:
            prepare(ledger._database)
        except BaseException:
            ledger.close()
            raise
        return ledger

    @property
    def address(self) -> str | None:
        """The address to open this ledger in another process; None if it is in memory."""
        return address_of(self._database.engine)

    @property
    def sweeps(self) -> Sweeps:
        """The sweeps of this ledger."""
        return Sweeps(self._database)

    @property
    def claims(self) -> Claims:
        """The images that running sweeps certify at this moment."""
        return Claims(self._database)

    @property
    def revocations(self) -> Revocations:
        """The revocations of this ledger."""
        return Revocations(self._database)

    @property
    def host_verdicts(self) -> HostVerdicts:
        """The verdicts of this ledger by kind of host."""
        return HostVerdicts(self._database)

    @property
    def retention(self) -> Retention:
        """Return the removal of results from this ledger."""
        return Retention(self._database)

    @property
    def exchange(self) -> Exchange:
        """The way from this ledger to others, and from others to it."""
        return Exchange(self._database, self._warn)

    def close(self) -> None:
        """Close all connections; a second call does nothing."""
        self._database.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def record(self, result: Result, recording: str | None = None) -> int:
        """Record a result and return its number in this ledger.

        ``recording`` names this act, so that it can be tried again when nobody knows whether it
        succeeded: a second one of the same name changes nothing. Raises :class:`NotRecordable` for
        a result of a host whose clock is ahead of the database's.
        """
        row = row_of(result) | {"recording": recording or uuid4().hex}
        done = select(ROW.id).where(ROW.recording == row["recording"])
        with self._database.writing() as connection:
            number = connection.scalar(done)
            if number is None:
                refuse_future(result, clock_of(connection), self.name)
                inserted = connection.execute(results_table.insert().values(row))
                number = inserted.inserted_primary_key[0]  # type: ignore[index]
        return int(number)

    def is_larger_than(self, count: int) -> bool:
        """Return True if more than so many results are recorded."""
        query = select(ROW.id).order_by(ROW.id).offset(count).limit(1)
        with self._database.reading() as connection:
            return connection.scalar(query) is not None

    def recently_certified(self, profile: str, count: int) -> set[str]:
        """Return the references of the last ``count`` certificates of a profile."""
        with self._database.reading() as connection:
            return set(connection.scalars(queries.recently_certified(profile, count)))

    def matrix_rows(
        self,
        profile: str | None = None,
        references: Collection[str] | None = None,
        hosts: Collection[str] = (),
    ) -> list[MatrixRow]:
        """Return the rows of the matrix, ordered by reference, platform and profile.

        Only those of a profile or of some references, if given: at most a few hundred. Where a
        result of one of the kinds of ``hosts`` stands, it comes before those of others.

        A row has the result in force of the image that its reference last led to, even if that
        was recorded under another name. A reference that moved to an image without a result under
        a profile has no row there. See also :func:`~certify.ledger.matrix_rows.read_rows`.
        """
        with self._database.reading() as connection:
            return read_rows(connection, profile, references, hosts)

    def matrix_results(self, profile: str | None = None) -> list[Result]:
        """Return the results of all rows of the matrix, those of revoked images as rejected."""
        return [result for _, result in self.results(self.matrix_rows(profile))]

    def results(self, rows: Sequence[MatrixRow]) -> Iterator[tuple[MatrixRow, Result]]:
        """Yield each row with its result, that of a revoked image as rejected."""
        revoked, verdicts = self.revocations.in_force(), self.host_verdicts
        for part in batched(rows, BATCH_SIZE):
            hosts = verdicts.of_rows(part)
            for row, result in self.recorded_results(part):
                yield row, reject_if_revoked(with_hosts(result, hosts.get(row.id, ())), revoked)

    def recorded_results(self, rows: Sequence[MatrixRow]) -> Iterator[tuple[MatrixRow, Result]]:
        """Yield each row with its result as recorded, under the row's name.

        Results are read in batches, so not all of them are in memory at once. One that cannot be
        read is passed over.
        """
        for part in batched(rows, BATCH_SIZE):
            query = select(ROW.id, ROW.document).where(ROW.id.in_([each.id for each in part]))
            found = {row.id: result for result, row in self._read(query)}
            for each in part:
                if (result := found.get(each.id)) is None:
                    continue
                image = result.image.model_copy(update=each.names)
                yield each, result.model_copy(update={"image": image})

    def summaries(self, rows: Sequence[MatrixRow]) -> Iterator[tuple[MatrixRow, Result]]:
        """Yield each row with the summary of its result, that of a revoked image as rejected."""
        revoked, verdicts = self.revocations.in_force(), self.host_verdicts
        for part in batched(rows, BATCH_SIZE):
            hosts = verdicts.of_rows(part)
            for row, result in self.recorded_summaries(part):
                yield row, reject_if_revoked(with_hosts(result, hosts.get(row.id, ())), revoked)

    def recorded_summaries(self, rows: Sequence[MatrixRow]) -> Iterator[tuple[MatrixRow, Result]]:
        """Yield each row with the summary of its result as recorded."""
        for part in batched(rows, BATCH_SIZE):
            query = select(ROW.id, ROW.summary).where(ROW.id.in_([each.id for each in part]))
            with self._database.reading() as connection:
                texts = {row.id: row.summary for row in connection.execute(query)}
            found = [(each, summaries.read(texts.get(each.id), each.names)) for each in part]
            without = [each for each, short in found if short is None]
            made = dict(self.recorded_results(without)) if without else {}
            for each, short in found:
                result = short or (made.get(each) and summaries.brief(made[each]))
                if result is not None:
                    yield each, result

    def recorded(self, recordings: Iterable[str]) -> dict[str, Result]:
        """Return the results of some recordings, as recorded."""
        query = select(ROW.id, ROW.recording, ROW.document)
        return {
            row.recording: result
            for part in batched(list(recordings), BATCH_SIZE)
            for result, row in self._read(query.where(ROW.recording.in_(part)))
        }

    def recent(
        self, count: int, references: Collection[str] | None = None
    ) -> Iterator[tuple[ResultKey, Recent]]:
        """Yield the last ``count`` results of each row's key, or of those of some references."""
        with self._database.reading() as connection:
            yield from read_recent(connection, count, references)

    def history_points(self, rows: Sequence[MatrixRow]) -> dict[ResultKey, list[HistoryPoint]]:
        """Return all results ever recorded for rows of the matrix, the oldest first.

        The references become parameters of one query, so pass a few hundred rows at most.
        """
        with self._database.reading() as connection:
            return read_history_points(connection, rows)

    def results_in_force(self, hosts: Collection[str] = ()) -> list[ResultInForce]:
        """Return the results in force of all references, platforms and profiles.

        One of the kinds of ``hosts`` comes before those of others.
        """
        with self._database.reading() as connection:
            return read_in_force(connection, hosts)

    def result_in_force(self, image: Image, profile: str, now: datetime) -> Result | None:
        """Return the result in force of an image that has not expired, or None.

        The image is recognised by its digest or its image ID, whatever its name. A result from
        the future is invalid, and none is returned instead of it.
        """
        found = self._read(queries.result_in_force(image, profile, now))
        result = next((result for result, _ in found), None)
        return None if result is None or is_ahead(result.finished_at, now) else result

    def history(self, reference: str, key: ResultKey | None = None) -> list[Result]:
        """Return all results recorded under exactly this reference, the last recorded first.

        With a key, only those of its profile and platform.
        """
        found = (result for result, _ in self._read(queries.history(reference, key)))
        return list(found)

    def _read(self, query: Select[Any]) -> Iterator[tuple[Result, Row[Any]]]:
        """Yield the result in each row's document, with the row; pass over what cannot be read.

        Fields that a newer certify has added are kept.
        """
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        for row in rows:
            try:
                result = Result.model_validate_json(row.document)
            except ValidationError as error:
                if row.id not in self._passed_over:
                    self._passed_over.add(row.id)
                    self._warn(
                        f"{self.name}: result {row.id} cannot be read and is passed over: "
                        + one_line(str(error), 200)
                    )
            else:
                yield result, row
