"""Writes the files under ``reports/`` that are out of date.

Results are read from the ledger a few at a time, and only their summaries are kept for the
tables, so that memory does not grow with what images print. Files are replaced as a whole, but
not flushed to disk one by one, as all of them can be made again from the ledger. Those of many
images are written by several processes.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from certify.ledger.changes import Change, find_changes
from certify.ledger.store import Ledger
from certify.ledger.sweeps import FinishedSweep
from certify.model.errors import LedgerUnavailable
from certify.model.file_names import Layout
from certify.model.result import Result
from certify.model.result_key import ResultKey
from certify.model.terms import Status
from certify.publish import freshness
from certify.publish.badge import total_badge_files
from certify.publish.boot_rank import BootRanks
from certify.publish.feed import Entry as FeedEntry
from certify.publish.feed import change_lines, with_entry
from certify.publish.freshness import Entry, layout_of
from certify.publish.helper import write_images
from certify.publish.image_writer import ImageWriter, certificate, write_files
from certify.publish.junit_file import write_junit
from certify.publish.matrix import markdown_lines, matrix_json
from certify.publish.metrics import image_metrics, sweep_metrics
from certify.publish.site.build import frame_files, rows_file
from certify.publish.site.pages import LastSweep
from certify.util.files import folder_lock
from certify.util.text import counted

FEED = "changes.atom"
SWEEPS = 100
"""The number of last sweeps among which metrics find the last one of each list."""


def write_reports(
    directory: Path,
    results: Iterable[Result],
    ledger: Ledger,
    *,
    own: bool = False,
    layout: Layout | None = None,
) -> int:
    """Write ``junit.xml`` for the results of a run, then call :func:`update_reports`.

    The results are read several times, one after another.

    With ``own``, only the files of the images of the run follow, and the next update finds the
    rest out of date. Returns and raises what an update does. If the ledger cannot be read, the
    certificates of the results are written nevertheless.
    """
    write_junit(directory, results)
    try:
        if own:
            return _update_own(directory, ledger, results, layout_of(directory, layout or "flat"))
        return update_reports(directory, ledger, layout=layout)
    except LedgerUnavailable:
        known = layout_of(directory, layout or "flat")
        write_files(directory, (certificate(each, known) for each in results))
        raise


def update_reports(
    directory: Path, ledger: Ledger, *, now: datetime | None = None, layout: Layout | None = None
) -> int:
    """Update certificates, badges, matrix and site from the results in force in the ledger.

    An inconclusive run therefore replaces no certificate. A lock lets one process at a time
    write. Without a layout, files stay where they are; another one moves those of all images.
    Returns the number of images whose files were written. Raises OSError and `LedgerUnavailable`.
    """
    # The ledger is read under the lock, so the last process to get it has the newest results.
    with folder_lock(directory / "assets") as lock:
        layout = layout or layout_of(directory)
        return _bring_up_to_date(directory, ledger, now or datetime.now(UTC), lock, layout)


def _update_own(directory: Path, ledger: Ledger, results: Iterable[Result], layout: Layout) -> int:
    now, names = datetime.now(UTC), {each.image.reference for each in results}
    with folder_lock(directory / "assets") as lock:
        rows = [each.shown for each in freshness.read_entries(ledger, now, names, layout)]
        write_images(ImageWriter(directory, now, layout=layout), ledger, rows, lock)
    return len(rows)


def _bring_up_to_date(
    directory: Path, ledger: Ledger, now: datetime, lock: int, layout: Layout
) -> int:
    entries = freshness.read_entries(ledger, now, layout=layout)
    due, gone = freshness.outdated(directory, entries)
    if due or gone or not freshness.has_tables(directory):
        ranks = BootRanks(entry.shown for entry in entries)
        rows = [entry.shown for entry in entries if entry.stem in due]
        write_images(ImageWriter(directory, now, ranks, layout), ledger, rows, lock)
        del ranks, rows
        write_files(directory, _tables(ledger, entries, now, layout))
        for name in gone:
            freshness.remove_files(directory, name)
    sweeps, changes, last = _last_sweeps(ledger, {each.shown.key for each in entries})
    changed = {each.image.key for each in changes or ()}
    stems = {key: each.stem for each in entries if (key := each.shown.key) in changed}
    write_files(directory, frame_files(changes, stems, now, last))
    write_files(directory, _of_sweeps(directory, ledger, sweeps, changes))
    freshness.write_fingerprints(directory, entries)
    return len(due)


def _tables(
    ledger: Ledger, entries: Sequence[Entry], now: datetime, layout: Layout
) -> Iterator[tuple[str, str | Iterable[str]]]:
    results, stems, runs = list[Result](), list[str](), list[str]()
    waiting = iter(entries)
    for row, short in ledger.summaries([entry.shown for entry in entries]):
        entry = next(each for each in waiting if each.shown is row)  # others cannot be read
        results.append(short)
        stems.append(entry.stem)
        runs.append(entry.runs)
    yield "matrix.json", matrix_json(results, now)
    yield "matrix.md", markdown_lines(results, now)
    yield from total_badge_files(results, now)
    yield "metrics/images.prom", image_metrics(results)
    yield rows_file(results, now, stems, runs, layout)


def _last_sweeps(
    ledger: Ledger, shown: Container[ResultKey]
) -> tuple[list[FinishedSweep], list[Change] | None, LastSweep | None]:
    """Return the last sweeps, the newest first, what the newest changed, and how it went.

    The changes are None if no earlier sweep had the same list. ``shown`` are the keys of all rows.
    """
    sweeps = ledger.sweeps.finished(SWEEPS)
    if not sweeps:
        return sweeps, None, None
    newest, *earlier = ledger.sweeps.finished(2, sweeps[0].source)
    counts = ledger.sweeps.tally(newest.id)
    tally = ", ".join(f"{counts[status]} {status.value}" for status in Status if status in counts)
    last = LastSweep(
        newest.source, newest.started_at, newest.finished_at, tally or "no images",
        [each for each in ledger.sweeps.unfound(newest.id) if each.key not in shown],
    )  # fmt: skip
    if not earlier:
        return sweeps, None, last
    return sweeps, find_changes(*ledger.sweeps.differing_entries(earlier[0].id, newest.id)), last


def _of_sweeps(
    directory: Path,
    ledger: Ledger,
    sweeps: Sequence[FinishedSweep],
    changes: Sequence[Change] | None,
) -> Iterator[tuple[str, str | Iterable[str]]]:
    if sweeps:
        old, newest = directory / FEED, sweeps[0]
        lines = change_lines(changes or ())
        title = f"{counted(len(lines), 'change')} in {newest.source}"
        before = old.read_bytes() if old.is_file() else None
        entry = FeedEntry(title, newest.finished_at, lines)
        yield FEED, with_entry(before, "matrix", "Changes to the compatibility matrix", entry)
        yield "metrics/sweeps.prom", sweep_metrics(sweeps, ledger.sweeps.tally)
