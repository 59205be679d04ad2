"""Finds the report files that are out of date.

Every image has a fingerprint of all that its files are made from. The fingerprints of the last
update are kept in ``assets/pages.json``; without that file everything is written again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zlib import crc32

from certify.ledger.matrix_rows import MatrixRow
from certify.ledger.store import Ledger
from certify.model.file_names import file_stem
from certify.publish.site.build import version

FINGERPRINTS = "assets/pages.json"
_FILES = ("results/{}.json", "badges/{}.json", "badges/{}.svg", "images/{}.html")
_OPTIONAL_FILE = "images/{}.js"
_TABLES = ("matrix.json", "matrix.md", "assets/rows.js", "badges/all.svg", "badges/all.json")


@dataclass(frozen=True, slots=True)
class Entry:
    """One image under one profile, as the reports show it."""

    shown: MatrixRow
    stem: str
    """The name of its files, without folder and suffix."""
    fingerprint: str
    """A text that changes whenever the content of its files would change."""


def read_entries(
    ledger: Ledger, now: datetime, references: Collection[str] | None = None
) -> list[Entry]:
    """Return an entry for each row of the matrix, or for those of some references, in order.

    Raises `LedgerUnavailable`.
    """
    latest = ledger.newest_ids(references)
    revocations = [(each.digest, each.reason) for each in ledger.revocations.in_force()]
    revoked = crc32(repr(revocations).encode())
    found = []
    for shown in ledger.matrix_rows(references=references):
        name = file_stem(shown.reference, shown.profile, shown.platform or None)
        # A page also shows the newest result, which need not be the one in force.
        facts = (version(), shown.id, latest.get(shown.key, 0), shown.expires_at <= now, revoked)
        found.append(Entry(shown, name, " ".join(map(str, facts))))
    return found


def read_fingerprints(directory: Path) -> dict[str, str]:
    """Return the fingerprints of the last update by stem; empty if they cannot be read."""
    try:
        found = json.loads((directory / FINGERPRINTS).read_text("utf-8"))
        return {str(name): str(fingerprint) for name, fingerprint in found.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def outdated(directory: Path, entries: Sequence[Entry], known: Mapping[str, str]) -> set[str]:
    """Return the stems of the entries whose files are missing or have another fingerprint."""
    return {
        entry.stem
        for entry in entries
        if known.get(entry.stem) != entry.fingerprint
        or not all(_has_content(f"{directory}/{name.format(entry.stem)}") for name in _FILES)
    }


def has_tables(directory: Path) -> bool:
    """Return True if all files about the whole list of images are there."""
    return all(_has_content(directory / name) for name in _TABLES)


def remove_files(directory: Path, stem: str, *, keep: Container[str] = ()) -> None:
    """Remove the files of one image, except those in ``keep``. Raises OSError."""
    for name in (file.format(stem) for file in (*_FILES, _OPTIONAL_FILE)):
        if name not in keep:
            (directory / name).unlink(missing_ok=True)


def _has_content(path: str | Path) -> bool:
    """Return False for an empty file, too: a power cut may leave one."""
    try:
        return os.stat(path).st_size > 0  # noqa: PTH116 - asked of each file of each image
    except OSError:
        return False
