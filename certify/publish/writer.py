"""Writes what a run and the ledger have to say under ``reports/``, and of it only what changed.

Results are read from the ledger a few at a time, and only thin ones are kept for the tables, so
that memory does not grow with what images print. Files are whole, but not each of them is brought
to disk: all of them can be made again from the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from certify.ledger.changes import Change, changes
from certify.ledger.shown import Past
from certify.ledger.store import AT_A_TIME, Ledger, batched
from certify.model.errors import BadLedger
from certify.model.file_names import certificate_stem
from certify.model.result import Result
from certify.publish.badge import badge_files, badge_files_of_all
from certify.publish.freshness import NOTES, Entry, entries, forget, lacks_tables, noted, stale
from certify.publish.json_report import result_json
from certify.publish.junit import junit_xml
from certify.publish.matrix import matrix_json, matrix_markdown
from certify.publish.site.build import frame_files, image_files, rows_file
from certify.publish.summary import summary_of
from certify.util.files import locked, write_atomically
from certify.util.text import safe_json


def write_reports(directory: Path, results: Sequence[Result], ledger: Ledger) -> int:
    """Write ``junit.xml`` of this run's ``results``, and all that `update_reports` does.

    Returns and raises what that does. With a ledger that cannot be read the results' own
    certificates are written nevertheless.
    """
    _write(directory, [("junit.xml", junit_xml(results))])
    try:
        return update_reports(directory, ledger)
    except BadLedger:
        _write(directory, map(_certificate, results))
        raise


def update_reports(directory: Path, ledger: Ledger, *, now: datetime | None = None) -> int:
    """Bring certificates, badges, matrix and site up to date with what stands in the ledger.

    So an inconclusive run replaces no certificate. One process at a time does so. Returns of how
    many images the files were written anew; raises OSError and `BadLedger`.
    """
    # Whoever waited sees in the ledger what the one before saw, and what came to it since.
    with locked(directory / "assets"):
        return _bring_up_to_date(directory, ledger, now or datetime.now(UTC))


def _bring_up_to_date(directory: Path, ledger: Ledger, now: datetime) -> int:
    found = entries(ledger, now)
    known = noted(directory)
    due = stale(directory, found, known)
    notes = {entry.stem: entry.made_of for entry in found}
    if due or known.keys() != notes.keys() or lacks_tables(directory):
        thin = [*_write_images(directory, ledger, found, due, now)]
        _write(directory, _tables(thin, now))
        for name in known.keys() - notes.keys():
            forget(directory, name)
    stems = {entry.shown.key: entry.stem for entry in found}
    _write(directory, frame_files(_changes(ledger), stems, now))
    _write(directory, [(NOTES, safe_json(notes) + "\n")])
    return len(due)


def _write_images(
    directory: Path, ledger: Ledger, found: Sequence[Entry], due: set[str], now: datetime
) -> Iterator[Result]:
    """Write the files of images that are due; all results, thin, in their order."""
    for part in batched(found, AT_A_TIME):
        past = ledger.past([entry.shown for entry in part if entry.stem in due])
        documents = ledger.presented_documents([entry.shown for entry in part])
        for entry, (shown, result) in zip(part, documents, strict=True):
            if entry.stem in due:
                files = dict(_of_image(result, past.get(shown.key, []), now))
                _write(directory, files.items())
                forget(directory, entry.stem, but=files)
            yield summary_of(result)


def _of_image(result: Result, past: Sequence[Past], now: datetime) -> Iterator[tuple[str, str]]:
    yield _certificate(result)
    yield from badge_files(result, now)
    yield from image_files(result, past)


def _certificate(result: Result) -> tuple[str, str]:
    return f"results/{certificate_stem(result)}.json", result_json(result)


def _tables(results: Sequence[Result], now: datetime) -> Iterator[tuple[str, str]]:
    yield "matrix.json", matrix_json(results)
    yield "matrix.md", matrix_markdown(results, now)
    yield from badge_files_of_all(results, now)
    yield rows_file(results)


def _changes(ledger: Ledger) -> list[Change] | None:
    """What the last sweep changed; None if there was none of the same list before."""
    last = ledger.sweeps.last(1)
    pair = ledger.sweeps.last(2, last[0].source) if last else []
    if len(pair) < 2:
        return None
    after, before = (ledger.sweeps.found(sweep.id) for sweep in pair)  # the newest comes first
    return changes(before, after)


def _write(directory: Path, files: Iterable[tuple[str, str | bytes]]) -> None:
    for name, content in files:
        write_atomically(directory / name, content, durable=False)
