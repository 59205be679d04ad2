"""Which files of the reports are up to date: what each image's were made of is noted beside them.

The notes lie in ``assets/pages.json``. Without them, or where they cannot be read, everything is
written anew.
"""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zlib import crc32

from certify.ledger.shown import Shown
from certify.ledger.store import Ledger
from certify.model.file_names import stem as stem_of
from certify.publish.site.build import version

NOTES = "assets/pages.json"
_FILES = ("results/{}.json", "badges/{}.json", "badges/{}.svg", "images/{}.html")
_AND_MAYBE = "images/{}.js"
_TABLES = ("matrix.json", "matrix.md", "assets/rows.js", "badges/all.svg", "badges/all.json")


@dataclass(frozen=True, slots=True)
class Entry:
    """One image under one profile, as the reports show it."""

    shown: Shown
    stem: str
    """The name of its files, without a suffix."""
    made_of: str
    """Another text whenever its files would be others."""


def entries(ledger: Ledger, now: datetime) -> list[Entry]:
    """All that the ledger shows, in its order. Raises `BadLedger`."""
    latest = ledger.latest()
    standing = [(each.digest, each.reason) for each in ledger.revocations.all()]
    revoked = crc32(repr(standing).encode())
    found = []
    for shown in ledger.shown():
        name = stem_of(shown.names["reference"], shown.profile, shown.platform or None)
        # The newest result is new in its history, though an older one may stand.
        facts = (version(), shown.id, latest.get(shown.key, 0), shown.expires_at <= now, revoked)
        found.append(Entry(shown, name, " ".join(map(str, facts))))
    return found


def noted(directory: Path) -> dict[str, str]:
    """What the files of each image were made of, by stem."""
    try:
        found = json.loads((directory / NOTES).read_text("utf-8"))
        return {str(name): str(made_of) for name, made_of in found.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def stale(directory: Path, found: Sequence[Entry], known: Mapping[str, str]) -> set[str]:
    """The stems of the entries whose files are missing, or were made of something else."""
    return {
        entry.stem
        for entry in found
        if known.get(entry.stem) != entry.made_of
        or not all(_is_there(directory / name.format(entry.stem)) for name in _FILES)
    }


def lacks_tables(directory: Path) -> bool:
    """Whether a file that tells of all images is missing."""
    return not all(_is_there(directory / name) for name in _TABLES)


def forget(directory: Path, stem: str, *, but: Container[str] = ()) -> None:
    """Remove the files that an image has, but these, and nobody else's. Raises OSError."""
    for name in (file.format(stem) for file in (*_FILES, _AND_MAYBE)):
        if name not in but:
            (directory / name).unlink(missing_ok=True)


def _is_there(path: Path) -> bool:
    """Empty counts as missing: so a power cut may leave what was not brought to disk."""
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
