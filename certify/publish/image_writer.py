"""Writes the files of single images: a certificate, badges, and a page with its details."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from certify.judge.culprits import Comparison, compare
from certify.ledger.matrix_rows import HistoryPoint, MatrixRow
from certify.ledger.store import Ledger
from certify.model.file_names import LAYOUTS, Layout, certificate_stem
from certify.model.result import Result
from certify.model.result_key import ResultKey
from certify.model.terms import Status
from certify.publish import freshness
from certify.publish.badge import badge_files
from certify.publish.boot_rank import NO_RANKS, BootRanks
from certify.publish.json_report import result_json
from certify.publish.site.build import image_files
from certify.util.files import write_atomically


@dataclass(frozen=True, slots=True)
class ImageWriter:
    """The folder of the reports, and all that files of an image show besides its results."""

    directory: Path
    now: datetime
    ranks: BootRanks = NO_RANKS
    layout: Layout = "flat"

    def write(self, ledger: Ledger, rows: Sequence[MatrixRow]) -> None:
        """Write the files of the images of some rows, a few hundred at most.

        Raises OSError and `LedgerUnavailable`.
        """
        past = ledger.history_points(rows)
        for shown, result in ledger.results(rows):
            files = dict(self._files(ledger, result, past.get(shown.key, [])))
            write_files(self.directory, files.items())
            for each in LAYOUTS:
                freshness.remove_files(self.directory, certificate_stem(result, each), keep=files)

    def _files(
        self, ledger: Ledger, result: Result, past: Sequence[HistoryPoint]
    ) -> Iterator[tuple[str, str]]:
        compared = _compared(ledger, result, past)
        ranked = result.model_copy(update={"boot_rank": self.ranks.rank(result)})
        # Others decide about the rank.
        yield certificate(result.model_copy(update={"boot_rank": None}), self.layout)
        yield from badge_files(result, self.now, self.layout)
        yield from image_files(ranked, past, self.now, compared, self.layout)


def certificate(result: Result, layout: Layout) -> tuple[str, str]:
    """Return name and content of the certificate of a result."""
    return f"results/{certificate_stem(result, layout)}.json", result_json(result)


def write_files(directory: Path, files: Iterable[tuple[str, str | bytes | Iterable[str]]]) -> None:
    """Write files below a folder. Raises OSError."""
    for name, content in files:
        write_atomically(f"{directory}/{name}", content, durable=False)


def _compared(ledger: Ledger, result: Result, past: Sequence[HistoryPoint]) -> Comparison | None:
    """Compare a rejected image with its last certificate, if there is one."""
    if result.verdict.status is not Status.REJECTED or all(
        each.status is not Status.CERTIFIED for each in past
    ):
        return None
    return compare(ledger.history(result.image.reference, ResultKey.of(result)))
