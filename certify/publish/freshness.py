"""Finds the report files that are out of date.

Every image has a fingerprint of all that its files are made from. The fingerprints of the last
update are kept in ``assets/pages.txt``; without that file everything is written again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Container, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from typing import TypeVar
from zlib import crc32

from certify.ledger.matrix_rows import MatrixRow, Recent
from certify.ledger.store import Ledger
from certify.model.file_names import Layout, file_stem
from certify.publish.site.build import version
from certify.util.files import write_atomically

FINGERPRINTS = "assets/pages.txt"
_OLD_FINGERPRINTS = "assets/pages.json"
_FILES = ("results/{}.json", "badges/{}.json", "badges/{}.svg", "images/{}.html")
_OPTIONAL_FILE = "images/{}.js"
_STEM = re.compile("(?:[0-9a-f]{2}/)?[^/]+")
RUNS = 8
"""The number of last verdicts of an entry."""
A = TypeVar("A")
B = TypeVar("B")
K = TypeVar("K")
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
    ledger: Ledger,
    now: datetime,
    references: Collection[str] | None = None,
    layout: Layout = "flat",
) -> list[Entry]:
    """Return an entry for each row of the matrix, or for those of some references, in order.

    Raises `LedgerUnavailable`.
    """
    rows = ledger.matrix_rows(references=references)
    recent = [_NONE] * len(rows)
    places = ((row.key, place) for place, row in enumerate(rows))
    for _, place, last in _paired(places, ledger.recent(RUNS, references)):
        if place is not None and last is not None:
            recent[place] = last
    revocations = [(each.digest, each.reason) for each in ledger.revocations.in_force()]
    revoked = crc32(repr(revocations).encode())
    found = []
    for shown, (total, newest, runs) in zip(rows, recent, strict=True):
        name = file_stem(shown.reference, shown.profile, shown.platform or None, layout)
        # A page also shows the newest result, which need not be the one in force, and older ones,
        # which may be gone.
        facts = (version(), shown.id, newest, total, shown.expires_at <= now, revoked)
        found.append(Entry(shown, name, " ".join(map(str, facts)), runs))
    return found


def read_fingerprints(directory: Path) -> Iterator[tuple[str, str]]:
    """Yield stems and fingerprints of the last update, in its order; of lines that are whole."""
    with suppress(OSError, ValueError), (directory / FINGERPRINTS).open(encoding="utf-8") as lines:
        for line in lines:
            stem, _, fingerprint = line.rstrip("\n").partition(" ")
            if fingerprint and _STEM.fullmatch(stem):  # what is gone is removed by its stem
                yield stem, fingerprint


def layout_of(directory: Path, default: Layout = "flat") -> Layout:
    """Return the layout of the last update, the default if there was none."""
    found = next(read_fingerprints(directory), None)
    if found is None:
        return default
    return "folders" if "/" in found[0] else "flat"


def write_fingerprints(directory: Path, entries: Iterable[Entry]) -> None:
    """Write the fingerprints for the next update. Raises OSError."""
    lines = (f"{each.stem} {each.fingerprint}\n" for each in entries)
    write_atomically(directory / FINGERPRINTS, lines, durable=False)
    (directory / _OLD_FINGERPRINTS).unlink(missing_ok=True)


def outdated(directory: Path, entries: Sequence[Entry]) -> tuple[set[str], set[str]]:
    """Return the stems of the entries that are due, and those of images that are gone.

    The files of an entry that is due are missing, or of another fingerprint.
    """
    due, gone = set[str](), set[str]()
    entry_of = ((entry.stem, entry) for entry in entries)
    for stem, entry, fingerprint in _paired(entry_of, read_fingerprints(directory)):
        if entry is None:
            gone.add(stem)
        elif fingerprint != entry.fingerprint or not all(
            _has_content(f"{directory}/{each.format(stem)}") for each in _FILES
        ):
            due.add(stem)
    return due, gone


def _paired(
    ones: Iterable[tuple[K, A]], others: Iterable[tuple[K, B]]
) -> Iterator[tuple[K, A | None, B | None]]:
    """Yield each key once with its values on both sides; None where a side lacks it.

    Both sides are in the same order but for what came and went, so that little is held.
    """
    left: dict[K, A] = {}
    right: dict[K, B] = {}
    for one, other in zip_longest(ones, others):
        if one is not None:
            left[one[0]] = one[1]
        if other is not None:
            right[other[0]] = other[1]
        for key in {each[0] for each in (one, other) if each is not None}:
            if key in left and key in right:
                yield key, left.pop(key), right.pop(key)
    yield from ((key, value, None) for key, value in left.items())
    yield from ((key, None, value) for key, value in right.items())


def has_tables(directory: Path) -> bool:
    """Return True if all files about the whole list of images are there."""
    return all(_has_content(directory / name) for name in _TABLES)


def remove_files(directory: Path, stem: str, *, keep: Container[str] = ()) -> None:
    """Remove the files of one image, except those in ``keep``. Raises OSError."""
    names = [file.format(stem) for file in (*_FILES, _OPTIONAL_FILE)]
    for name in names:
        if name not in keep:
            with suppress(FileNotFoundError):
                os.unlink(f"{directory}/{name}")  # noqa: PTH108 - for each image
    for folder in {name.rpartition("/")[0] for name in names} if "/" in stem else ():
        with suppress(OSError):  # it has files of other images
            os.rmdir(f"{directory}/{folder}")  # noqa: PTH106 - likewise


def _has_content(path: str | Path) -> bool:
    """Return False for an empty file, too: a power cut may leave one."""
    try:
        return os.stat(path).st_size > 0  # noqa: PTH116 - asked of each file of each image
    except OSError:
        return False
