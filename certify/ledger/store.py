"""The ledger: every result ever recorded, and which of them stand.

What stands for an image is its newest answer: an inconclusive run never replaces a
certificate, nor a rejection. Several processes may write to one ledger at once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar

from pydantic import ValidationError
from sqlalchemy import Engine, Row, Select, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from certify.ledger import queries
from certify.ledger.connect import WRITES, engine_for, name_of, share
from certify.ledger.queries import ROW
from certify.ledger.revocations import Revocations
from certify.ledger.schema import VERSION, create, results_table, version_of
from certify.ledger.shown import Key, Past, Shown, latest, past, shown
from certify.ledger.standing import Standing
from certify.ledger.sweeps import Sweeps
from certify.model.errors import BadLedger
from certify.model.result import Image, Result
from certify.model.revocation import as_revoked
from certify.model.terms import Status
from certify.util.text import one_line, safe_json

REPEATED = ("reference", "registry", "repository", "tag", "digest", "image_id")
"""Fields of an image that have a column of the same name."""

T = TypeVar("T")

AT_A_TIME = 200
"""Documents are read so many at a time."""
ANOTHER_FILE = "Name another ledger with --ledger, or move this file away: a new one is made."


class Ledger:
    """Certificates in a database; a context manager that lets go of it in the end.

    Every method raises `BadLedger` if the database cannot be read or written.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._where = name_of(engine)

    @classmethod
    def open(cls, url: str, *, make: bool = True) -> Self:
        """Open a ledger, or make one: ``url`` is a path or an SQLAlchemy database URL.

        Raises `BadLedger` for a file that is no database or another program's, for a ledger
        of a newer certify, and for a database that does not answer; `NothingRecorded` if there is
        no such file, and none was to be made.
        """
        ledger = cls(engine_for(url, make=make))
        try:
            ledger._prepare()
        except BaseException:
            ledger.close()
            raise
        return ledger

    @property
    def sweeps(self) -> Sweeps:
        """The sweeps of this ledger."""
        return Sweeps(self._engine, self._explained)

    @property
    def revocations(self) -> Revocations:
        """The images that are not to be run again, as this ledger knows them."""
        return Revocations(self._engine, self._explained)

    def close(self) -> None:
        """Let go of the database; doing it twice is harmless."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def record(self, result: Result) -> int:
        """Keep a result for good; returns its number in this ledger."""
        with self._explained(), self._engine.begin() as connection:
            inserted = connection.execute(results_table.insert().values(_row(result)))
            key = inserted.inserted_primary_key
        assert key is not None
        return int(key[0])

    def current(self, profile: str | None = None) -> list[Result]:
        """What stands for each image, platform and profile, in the order of their references.

        An image is its digest, or else its id, or else (where nobody got that far) the
        reference. Its newest answer stands; only where there is none, the newest silence.
        """
        return [result for result, _ in self._read(queries.current(profile))]

    def presented(self, profile: str | None = None) -> list[Result]:
        """What stands for each reference, platform and profile, as people are to see it: the rows
        of a matrix. A revoked image is rejected, and says why.

        A tag that moved shows only the image it last led to; under a profile which that image
        was never asked about it shows nothing. The answer may come from a run under another
        name of the same image, and then bears the name asked for. A run that could not even
        get an image hides nothing: it shows only where there is nothing else to show.
        """
        return [result for _, result in self.presented_documents(self.shown(profile))]

    def presented_documents(self, rows: Sequence[Shown]) -> Iterator[tuple[Shown, Result]]:
        """As `documents` does, for people to see: a revoked image is rejected, and says why."""
        revoked = self.revocations.all()
        for row, result in self.documents(rows):
            yield row, as_revoked(result, revoked)

    def shown(self, profile: str | None = None) -> list[Shown]:
        """The rows of a matrix, without the results themselves."""
        with self._explained(), self._engine.connect() as connection:
            return shown(connection, profile)

    def documents(self, rows: Sequence[Shown]) -> Iterator[tuple[Shown, Result]]:
        """The results that stand for rows of a matrix, a few at a time, under the rows' names."""
        for part in batched(rows, AT_A_TIME):
            query = select(ROW.id, ROW.document).where(ROW.id.in_([each.id for each in part]))
            found = {row.id: result for result, row in self._read(query)}
            for each in part:
                result = found[each.id]
                image = result.image.model_copy(update=each.names)
                yield each, result.model_copy(update={"image": image})

    def latest(self) -> dict[Key, int]:
        """For each reference, platform and profile the number of its newest result."""
        with self._explained(), self._engine.connect() as connection:
            return latest(connection)

    def past(self, rows: Sequence[Shown]) -> dict[Key, list[Past]]:
        """What was ever recorded for rows of a matrix (a few hundred), the oldest first."""
        with self._explained(), self._engine.connect() as connection:
            return past(connection, rows)

    def standings(self) -> list[Standing]:
        """What stands for each reference, platform and profile, as much as a plan needs of it."""
        columns = (
            ROW.identity, ROW.platform, ROW.profile, ROW.status, ROW.suite_digest,
            ROW.host_class, ROW.expires_at,
        )  # fmt: skip
        with self._explained(), self._engine.connect() as connection:
            rows = connection.execute(queries.pointed_at(None, columns)).all()
        # By position: two columns are called `reference`, of the answer and of the name.
        return [
            Standing(
                reference=row[len(columns)],
                profile=row.profile,
                platform=row.platform,
                digest=row.identity,
                status=Status(row.status),
                suite_digest=row.suite_digest,
                host_class=row.host_class,
                expires_at=row.expires_at,
            )
            for row in rows
        ]

    def standing_for(self, image: Image, profile: str, now: datetime) -> Result | None:
        """What stands for one image and profile and has not expired, whatever its name was.

        An image is known again by its digest or its id. Null if there is nothing.
        """
        found = self._read(queries.standing_for(image, profile, now))
        return next((result for result, _ in found), None)

    def history(self, reference: str) -> list[Result]:
        """Every result recorded under exactly this reference, newest first."""
        return [result for result, _ in self._read(queries.history(reference))]

    def _read(self, query: Select[Any]) -> Iterator[tuple[Result, Row[Any]]]:
        """The result in each row's document, and the row for what stands beside it."""
        with self._explained(), self._engine.connect() as connection:
            rows = connection.execute(query).all()
        for row in rows:
            try:
                yield Result.model_validate_json(row.document), row
            except ValidationError as error:
                raise BadLedger(
                    f"{self._where}: result {row.id} cannot be read: {one_line(str(error))}",
                    remedy="Another version of certify may have written it: use that one,"
                    " or name another ledger with --ledger.",
                ) from error

    def _prepare(self) -> None:
        with self._explained():
            if (self._version() or 0) < VERSION:
                try:
                    with self._engine.execution_options(**{WRITES: True}).begin() as connection:
                        create(connection)
                except DBAPIError:
                    # Two processes may create one ledger at once; being second is no fault.
                    if (self._version() or 0) < VERSION:
                        raise
            version = self._version()
        if version is None or version > VERSION:
            raise BadLedger(
                f"{self._where} was written by a newer certify"
                f" (its tables are of version {version}, this certify knows {VERSION})",
                remedy="Update certify, or name another ledger with --ledger.",
            )
        share(self._engine)

    def _version(self) -> int | None:
        with self._engine.connect() as connection:
            return version_of(connection)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Tell errors of the database in words, and name the ledger in them."""
        try:
            yield
        except BadLedger as error:
            raise BadLedger(f"{self._where} is {error.message}", remedy=ANOTHER_FILE) from error
        except (SQLAlchemyError, sqlite3.Error) as error:
            told = one_line(str(getattr(error, "orig", None) or error)) or type(error).__name__
            if "not a database" in told:
                raise BadLedger(f"{self._where} is not a database", remedy=ANOTHER_FILE) from error
            raise BadLedger(
                f"the ledger {self._where} cannot be used: {told}",
                remedy="See that it is there, may be read and written, and has room;"
                " or name another with --ledger.",
            ) from error


def _row(result: Result) -> dict[str, Any]:
    image = result.image
    return {
        "identity": image.digest or image.image_id or image.reference,
        **image.model_dump(include=set(REPEATED)),
        "platform": image.platform or "",
        "profile": result.profile,
        "status": result.verdict.status.value,
        "grade": result.verdict.grade.value if result.verdict.grade else None,
        "boot_seconds": result.startup.boot_seconds,
        "started_at": result.started_at,
        "finished_at": result.finished_at,
        "expires_at": result.expires_at,
        "suite_digest": result.suite.digest,
        "host_class": result.host.kind if result.host else "",
        "document": safe_json(result.model_dump(mode="json", by_alias=True)),
    }


def batched(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The rows, so many at a time."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
