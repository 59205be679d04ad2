"""What becomes of what was found: recorded as it is, shown as it stands, written for others.

A ledger or a disk that fails costs no answer: what could not be kept is noted, and all the rest
goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from certify.ledger.store import Ledger
from certify.model.errors import LedgerUnavailable
from certify.model.result import Result
from certify.model.revocation import reject_if_revoked
from certify.model.terms import Status
from certify.publish.recommendations import advised, needs_advice
from certify.publish.writer import write_reports


class Recorder:
    """Keeps and shows what a run or a sweep finds; raises nothing that its ledger or disk does."""

    def __init__(self, ledger: Ledger, reports: Path) -> None:
        self.ledger = ledger
        self._reports = reports
        self.unkept: list[str] = []
        """What ledger and disk said that failed; an exit code of 0 would hide it."""

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Note what the ledger raises in the block, and break that off."""
        try:
            yield
        except LedgerUnavailable as error:
            if error.message not in self.unkept:
                self.unkept.append(error.message)

    def record(self, result: Result) -> None:
        """Keep a result as it was found."""
        with self.noting():
            self.ledger.record(result)

    def shown(self, results: Iterable[Result]) -> list[Result]:
        """The results as people and exit codes are to see them: a revoked image is rejected."""
        results = list(results)
        with self.noting():
            revoked = self.ledger.revocations.in_force()
            return [reject_if_revoked(each, revoked) for each in results]
        return results

    def advised(self, results: Iterable[Result]) -> list[Result]:
        """Results as shown, those that need it with certified images that fare better.

        Only for their profiles is anything read from the ledger, and nothing that is among them.
        """
        results, now = list(results), datetime.now(UTC)
        needing = {each.profile for each in results if needs_advice(each)}
        if not needing:
            return results
        here = {
            (each.image.reference, each.image.platform or "", each.profile)
            for each in results
            if each.verdict.status is Status.CERTIFIED
        }
        with self.noting():
            rows = [
                row
                for row in self.ledger.matrix_rows()
                if row.profile in needing and row.status is Status.CERTIFIED and row.key not in here
            ]
            others = (result for _, result in self.ledger.results(rows))
            return advised(results, chain(results, others), now)
        return results

    def write_reports(self, results: Sequence[Result]) -> None:
        """Write ``junit.xml`` of the results, and all that stands in the ledger."""
        try:
            with self.noting():
                write_reports(self._reports, results, self.ledger)
        except OSError as error:
            self.unkept.append(f"the reports cannot be written: {error}")
