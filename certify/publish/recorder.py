"""The recorder of results: into the ledger, and into the files under ``reports/``.

A ledger or a disk that fails costs no result: what is not recorded yet is kept in a file, the error
is noted, and everything else goes on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Self

from certify.ledger.matrix_rows import MatrixRow
from certify.ledger.recording import PATIENCE_SECONDS, Recording
from certify.ledger.store import Ledger
from certify.model.errors import LedgerUnavailable
from certify.model.file_names import Layout
from certify.model.result import Result
from certify.model.result_key import ResultKey
from certify.model.revocation import reject_if_revoked
from certify.model.terms import Status
from certify.publish.boot_rank import BootRanks
from certify.publish.freshness import layout_of
from certify.publish.recommendations import add_recommendations, needs_recommendation
from certify.publish.writer import write_reports

MANY = 1_000
"""The most results in a ledger for which a run writes the files about all images."""
CANDIDATES = 100
"""The number of newest certificates from which a run beside many recommends images."""
HURRY_SECONDS = 2.0
"""The longest wait of an interrupted command for the ledger."""


class Recorder:
    """Records the results of a run or a sweep; no method raises an error of ledger or disk.

    As a context manager, it waits at its end until all is recorded; only shortly after an error.
    """

    def __init__(
        self, ledger: Ledger, reports: Path, *, own: bool = False, layout: Layout | None = None
    ) -> None:
        """Make a recorder; with ``own``, beside many results it reads and writes only its own.

        Without a layout, it keeps the one that the reports have.
        """
        self.ledger = ledger
        self._own = own
        self._reports = reports
        self._layout = layout
        self._recording = Recording(ledger, reports)
        self.errors: list[str] = []
        """The messages of errors so far; if there are any, a command must not end with 0."""

    @property
    def layout(self) -> Layout:
        """The layout of the files of images."""
        return self._layout or layout_of(self._reports)

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

    def record(self, result: Result) -> str:
        """Record a result in the ledger, unchanged, without waiting for the ledger.

        Returns the name of the recording.
        """
        return self._recording.add(result)

    def once_recorded(self, action: Callable[[], object]) -> None:
        """Change the ledger after all results so far are recorded, without waiting for it."""
        self._recording.once_recorded(action)

    @cached_property
    def leaves_tables(self) -> bool:
        """True if the files about all images stay as they are."""
        with self.errors_noted():
            return self._own and self.ledger.is_larger_than(MANY)
        return False

    def _candidates(self, profile: str) -> set[str] | None:
        """Return the references of images that may be recommended; None stands for all."""
        if not self.leaves_tables:
            return None
        return self.ledger.recently_certified(profile, CANDIDATES)

    def settle(self, patience: float = PATIENCE_SECONDS) -> None:
        """Wait until all is recorded; note what is not after so many seconds."""
        new = self._recording.finish(patience)
        self.errors += [each for each in new if each not in self.errors]

    def finish(self, results: Sequence[Result]) -> list[Result]:
        """Write the reports; return the results as people and exit codes should see them.

        Revoked images are rejected, those that need it have recommendations, and boots a rank.
        """
        self.settle(HURRY_SECONDS if sys.exc_info()[0] else PATIENCE_SECONDS)
        final = self._ranked(self.recommend(self.reject_revoked(results)))
        self.write_reports(final)
        return final

    def reject_revoked(self, results: Iterable[Result]) -> list[Result]:
        """Return the results, those of revoked images as rejected."""
        results = list(results)
        with self.errors_noted():
            revoked = self.ledger.revocations.in_force()
            return [reject_if_revoked(each, revoked) for each in results]
        return results

    def recommend(
        self, results: Iterable[Result], rows: Sequence[MatrixRow] | None = None
    ) -> list[Result]:
        """Return the results, those that need it with recommendations of certified images.

        ``rows`` are those of the matrix; without them the ledger is read, for the profiles
        concerned. Only results of other images are read; a run beside many others takes those of
        the newest certificates alone.
        """
        results, now = list(results), datetime.now(UTC)
        profiles = {each.profile for each in results if needs_recommendation(each)}
        if not profiles:
            return results
        certified = {
            ResultKey.of(each) for each in results if each.verdict.status is Status.CERTIFIED
        }
        with self.errors_noted():
            if rows is None:
                read = (self.ledger.matrix_rows(each, self._candidates(each)) for each in profiles)
                rows = list(chain.from_iterable(read))
            others = [
                row
                for row in rows
                if row.profile in profiles
                and row.status is Status.CERTIFIED
                and row.key not in certified
            ]
            known = (result for _, result in self.ledger.summaries(others))
            return add_recommendations(results, chain(results, known), now)
        return results

    def _ranked(self, results: list[Result]) -> list[Result]:
        """Return the results with the ranks of their boots; beside many others without."""
        timed = [each for each in results if each.startup.boot_seconds is not None]
        with self.errors_noted():
            if timed and not self.leaves_tables:
                profiles = {each.profile for each in timed}
                rows = [self.ledger.matrix_rows(profile) for profile in sorted(profiles)]
                return BootRanks(chain(*rows)).add(results)
        return results

    def write_reports(self, results: Iterable[Result]) -> None:
        """Write ``junit.xml`` with these results, and the other reports from the ledger.

        A run beside many others only writes the files of its own images.
        """
        try:
            with self.errors_noted():
                write_reports(
                    self._reports, results, self.ledger,
                    own=self.leaves_tables, layout=self._layout,
                )  # fmt: skip
        except OSError as error:
            self.errors.append(f"the reports cannot be written: {error}")
