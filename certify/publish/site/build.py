"""Writes the site, and of it only what has changed.

What a page was made of is noted in ``assets/pages.json``, with the row of the matrix that came of
it: an image about which nothing new was recorded is neither read from the ledger nor rendered.
Results are read a few at a time, so that memory does not grow with what they hold.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from certify.judge.changes import Change, changes
from certify.ledger.shown import Shown
from certify.ledger.store import Ledger
from certify.publish.files import write_atomically
from certify.publish.names import stem
from certify.publish.site.pages import TEMPLATES, compare_page, image_page, index_page
from certify.publish.site.rows import FIELDS, details_of, row_of
from certify.safetext import safe_json

STATIC = Path(__file__).parent / "static"
NOTES = "assets/pages.json"


@dataclass
class _Page:
    """One image on the site."""

    shown: Shown
    stem: str
    made_of: str
    """Another text whenever its page would be another."""
    row: dict[str, Any]


def write_site(directory: Path, ledger: Ledger, *, now: datetime | None = None) -> int:
    """Bring the site under ``directory`` up to date; how many pages of images were written.

    Raises OSError and `BadLedger`.
    """
    now = now or datetime.now(UTC)
    latest = ledger.latest()
    known = _notes(directory / NOTES)
    pages = []
    for shown in ledger.shown():
        name = stem(shown.names["reference"], shown.profile, shown.platform or None)
        made_of = f"{_version()} {shown.id} {latest.get(shown.key, 0)}"
        noted = known.get(name) or {"made_of": None}
        fresh = noted["made_of"] == made_of and (directory / "images" / f"{name}.html").exists()
        pages.append(_Page(shown, name, made_of, noted["row"] if fresh else {}))
    written = _write_images(directory, ledger, [page for page in pages if not page.row])
    _remove(directory / "images", known.keys() - {page.stem for page in pages})
    for file in sorted(STATIC.iterdir()):
        write_atomically(directory / "assets" / file.name, file.read_bytes())
    write_atomically(directory / "assets" / "rows.js", _rows_script([p.row for p in pages]))
    write_atomically(directory / "compare.html", compare_page(now))
    stems = {page.shown.key: page.stem for page in pages}
    write_atomically(directory / "index.html", index_page(_changes(ledger), stems, now))
    notes = {page.stem: {"made_of": page.made_of, "row": page.row} for page in pages}
    write_atomically(directory / NOTES, safe_json(notes) + "\n")
    return written


def _changes(ledger: Ledger) -> list[Change] | None:
    """What the last sweep changed; None if there was none of the same list before."""
    last = ledger.sweeps.last(1)
    pair = ledger.sweeps.last(2, last[0].source) if last else []
    if len(pair) < 2:
        return None
    after, before = (ledger.sweeps.found(sweep.id) for sweep in pair)  # the newest comes first
    return changes(before, after)


def _write_images(directory: Path, ledger: Ledger, pages: Sequence[_Page]) -> int:
    """Write the pages of images whose notes are not up to date, and fill in their rows."""
    documents = ledger.documents([page.shown for page in pages])
    for page, (shown, result) in zip(pages, documents, strict=True):
        page.row = row_of(result, page.stem)
        text = image_page(result, page.stem, ledger.past(shown))
        write_atomically(directory / "images" / f"{page.stem}.html", text)
        details = directory / "images" / f"{page.stem}.js"
        if page.row["more"]:
            told = _script(f"certifyDetails({_in_script(page.stem)},", details_of(result))
            write_atomically(details, told)
        else:
            details.unlink(missing_ok=True)
    return len(pages)


def _rows_script(rows: Sequence[dict[str, Any]]) -> str:
    """All rows in one script: checks as a letter each, in the order of their ids."""
    found = dict.fromkeys(check_id for row in rows for check_id in row["checks"])
    groups = {name: place for place, name in enumerate(dict.fromkeys(map(_group, found)))}
    ids = sorted(found, key=lambda check_id: groups[_group(check_id)])
    table = [
        [
            "".join(row["checks"].get(check_id, ".") for check_id in ids)
            if field == "checks"
            else row[field]
            for field in FIELDS
        ]
        for row in rows
    ]
    return _script("window.CERTIFY = (", {"fields": FIELDS, "checks": ids, "rows": table})


def _group(check_id: str) -> str:
    return check_id.partition(".")[0]


def _script(before: str, data: object) -> str:
    return f"{before}{_in_script(data)});\n"


def _in_script(data: object) -> str:
    """JSON that means the same in JavaScript, and nothing at all in HTML."""
    return safe_json(data).replace("<", "\\u003c").replace("\u2028", "\\u2028")


def _notes(path: Path) -> dict[str, Any]:
    """What was noted before, by stem; nothing, where that cannot be read: all is written anew."""
    try:
        found = json.loads(path.read_text("utf-8"))
        notes = {
            stem: {"made_of": note["made_of"], "row": note["row"]} for stem, note in found.items()
        }
        whole = all(note["row"].keys() == set(FIELDS) for note in notes.values())
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
    return notes if whole else {}


@cache
def _version() -> str:
    """Of all that pages are made with, so that another certify writes them anew."""
    digest = hashlib.sha256()
    for file in sorted((*TEMPLATES.iterdir(), *Path(__file__).parent.glob("*.py"))):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _remove(folder: Path, stems: set[str]) -> None:
    """Remove the pages of images that the ledger does not know any more; nobody else's files."""
    if stems:
        for file in folder.iterdir():
            if file.suffix in (".html", ".js") and file.stem in stems:
                file.unlink()
