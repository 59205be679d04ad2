"""Finds the report files that are out of date.

Every image has a fingerprint of all that its files are made from. The fingerprints of the last
update are kept in ``assets/pages.txt``; without that file everything is written again.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Container, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from zlib import crc32

from certify.ledger.matrix_rows import MatrixRow, Recent
from certify.ledger.store import Ledger
from certify.model.file_names import file_stem
from certify.publish.site.build import version
from certify.util.files import write_atomically

FINGERPRINTS = "assets/pages.txt"
_OLD_FINGERPRINTS = "assets/pages.json"
_FILES = ("results/{}.json", "badges/{}.json", "badges/{}.svg", "images/{}.html")
_OPTIONAL_FILE = "images/{}.js"
RUNS = 8
"""The number of last verdicts of an entry."""
_NONE = Recent(0, 0, "")
_TABLES = ("matrix.json", "matrix.md", "assets/rows.js", "badges/all.svg", "badges/all.json")


@dataclass(frozen=True, slots=True)
class Entry:
    """One image under one profile, as the reports show it."""

    shown: MatrixRow
    stem: str
    """The name of its files, without folder and suffix."""
    fingerprint: str
    """A text that changes whenever the content of its files would change."""
    runs: str = ""
    """The initials of the last verdicts, the oldest first."""


def read_entries(
    ledger: Ledger, now: datetime, references: Collection[str] | None = None
) -> list[Entry]:
    """Return an entry for each row of the matrix, or for those of some references, in order.

    Raises `LedgerUnavailable`.
    """
    recent = ledger.recent(RUNS, references)
    revocations = [(each.digest, each.reason) for each in ledger.revocations.in_force()]
    revoked = crc32(repr(revocations).encode())
    found = []
    for shown in ledger.matrix_rows(references=references):
        name = file_stem(shown.reference, shown.profile, shown.platform or None)
        # A page also shows the newest result, which need not be the one in force, and older ones,
        # which may be gone.
        total, newest, runs = recent.get(shown.key, _NONE)
        facts = (version(), shown.id, newest, total, shown.expires_at <= now, revoked)
        found.append(Entry(shown, name, " ".join(map(str, facts)), runs))
    return found


def read_fingerprints(directory: Path) -> Iterator[tuple[str, str]]:
    """Yield stems and fingerprints of the last update, in its order; of lines that are whole."""
    with suppress(OSError, ValueError), (directory / FINGERPRINTS).open(encoding="utf-8") as lines:
        for line in lines:
            stem, _, fingerprint = line.rstrip("\n").partition(" ")
            if fingerprint and "/" not in stem:  # what is gone is removed by its stem
                yield stem, fingerprint


def write_fingerprints(directory: Path, entries: Iterable[Entry]) -> None:
    """Write the fingerprints for the next update. Raises OSError."""
    lines = (f"{each.stem} {each.fingerprint}\n" for each in entries)
    write_atomically(directory / FINGERPRINTS, lines, durable=False)
    (directory / _OLD_FINGERPRINTS).unlink(missing_ok=True)


def outdated(directory: Path, entries: Sequence[Entry]) -> tuple[set[str], set[str]]:
    """Return the stems of the entries that are due, and those of images that are gone.

    The files of an entry that is due are missing, or of another fingerprint.
    """
    # Both are in the same order but for what came and went, so that little is held.
    known: dict[str, str] = {}
    waiting: dict[str, Entry] = {}
    due: set[str] = set()
    for entry, line in zip_longest(entries, read_fingerprints(directory)):
        stems = set()
        if line is not None:
            known[line[0]] = line[1]
            stems.add(line[0])
        if entry is not None:
            waiting[entry.stem] = entry
            stems.add(entry.stem)
        for stem in stems & known.keys() & waiting.keys():
            same = known.pop(stem) == waiting.pop(stem).fingerprint
            if not same or not all(
                _has_content(f"{directory}/{each.format(stem)}") for each in _FILES
            ):
                due.add(stem)
    return due | waiting.keys(), set(known)


def has_tables(directory: Path) -> bool:
    """Return True if all files about the whole list of images are there."""
    return all(_has_content(directory / name) for name in _TABLES)


def remove_files(directory: Path, stem: str, *, keep: Container[str] = ()) -> None:
    """Remove the files of one image, except those in ``keep``. Raises OSError."""
    for name in (file.format(stem) for file in (*_FILES, _OPTIONAL_FILE)):
        if name not in keep:
            with suppress(FileNotFoundError):
                os.unlink(f"{directory}/{name}")  # noqa: PTH108 - for each image


def _has_content(path: str | Path) -> bool:
    """Return False for an empty file, too: a power cut may leave one."""
    try:
        return os.stat(path).st_size > 0  # noqa: PTH116 - asked of each file of each image
    except OSError:
        return False
