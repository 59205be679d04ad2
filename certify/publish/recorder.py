"""The recorder of results: into the ledger, and into the files under ``reports/``.

A ledger or a disk that fails costs no result: what is not recorded yet is kept in a file, the error
is noted, and everything else goes on.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Self

from certify.ledger.recording import PATIENCE_SECONDS, Recording
from certify.ledger.store import Ledger
from certify.model.errors import LedgerUnavailable
from certify.model.result import Result
from certify.model.result_key import ResultKey
from certify.model.revocation import reject_if_revoked
from certify.model.terms import Status
from certify.publish.recommendations import add_recommendations, needs_recommendation
from certify.publish.writer import write_reports

HURRY_SECONDS = 2.0
"""How long an interrupted command waits for the ledger."""


class Recorder:
    """Records the results of a run or a sweep; no method raises an error of ledger or disk.

    As a context manager, it waits at its end until all is recorded; only shortly after an error.
    """

    def __init__(self, ledger: Ledger, reports: Path) -> None:
        self.ledger = ledger
        self._reports = reports
        self._recording = Recording(ledger, reports)
        self.errors: list[str] = []
        """The messages of errors so far; if there are any, a command must not end with 0."""

    @contextmanager
    def errors_noted(self) -> Iterator[None]:
        """Note an error that the ledger raises in the block, and leave the block."""
        try:
            yield
        except LedgerUnavailable as error:
            if error.message not in self.errors:
                self.errors.append(error.message)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.settle(PATIENCE_SECONDS if kind is None else HURRY_SECONDS)

    def record(self, result: Result) -> None:
        """Record a result in the ledger, unchanged, without waiting for the ledger."""
        self._recording.add(result)

    def settle(self, patience: float = PATIENCE_SECONDS) -> None:
        """Wait until all is recorded; note what is not after so many seconds."""
        new = self._recording.finish(patience)
        self.errors += [each for each in new if each not in self.errors]

    def finish(self, results: Sequence[Result]) -> list[Result]:
        """Write the reports; return the results as people and exit codes should see them.

        Revoked images are rejected, and those that need it have recommendations.
        """
        self.settle(HURRY_SECONDS if sys.exc_info()[0] else PATIENCE_SECONDS)
        final = self.recommend(self.reject_revoked(results))
        self.write_reports(final)
        return final

    def reject_revoked(self, results: Iterable[Result]) -> list[Result]:
        """Return the results, those of revoked images as rejected."""
        results = list(results)
        with self.errors_noted():
            revoked = self.ledger.revocations.in_force()
            return [reject_if_revoked(each, revoked) for each in results]
        return results

    def recommend(self, results: Iterable[Result]) -> list[Result]:
        """Return the results, those that need it with recommendations of certified images.

        The ledger is read only for the profiles concerned, and only for other images.
        """
        results, now = list(results), datetime.now(UTC)
        profiles = {each.profile for each in results if needs_recommendation(each)}
        if not profiles:
            return results
        certified = {
            ResultKey.of(each) for each in results if each.verdict.status is Status.CERTIFIED
        }
        with self.errors_noted():
            rows = [
                row
                for row in self.ledger.matrix_rows()
                if row.profile in profiles
                and row.status is Status.CERTIFIED
                and row.key not in certified
            ]
            others = (result for _, result in self.ledger.results(rows))
            return add_recommendations(results, chain(results, others), now)
        return results

    def write_reports(self, results: Sequence[Result]) -> None:
        """Write ``junit.xml`` with these results, and all other reports from the ledger."""
        try:
            with self.errors_noted():
                write_reports(self._reports, results, self.ledger)
        except OSError as error:
            self.errors.append(f"the reports cannot be written: {error}")
