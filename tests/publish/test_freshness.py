"""Report files that are out of date, and no others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from certify.ledger.store import Ledger
from certify.publish.freshness import (
    FINGERPRINTS,
    Entry,
    has_tables,
    outdated,
    read_entries,
    read_fingerprints,
    remove_files,
)
from tests.factories import NOON, many

FILES = ("results/{}.json", "badges/{}.json", "badges/{}.svg", "images/{}.html")


@pytest.fixture
def entries() -> Iterator[list[Entry]]:
    with Ledger.open("sqlite://") as ledger:
        for result in many(3):
            ledger.record(result)
        yield read_entries(ledger, NOON)


def write(folder: Path, entries: list[Entry]) -> None:
    for name in (file.format(entry.stem) for entry in entries for file in FILES):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x")


def test_missing_empty_and_changed_files_are_outdated(tmp_path: Path, entries: list[Entry]) -> None:
    known = {entry.stem: entry.fingerprint for entry in entries}
    stems = [entry.stem for entry in entries]
    assert outdated(tmp_path, entries, known) == set(stems)
    write(tmp_path, entries)
    assert outdated(tmp_path, entries, known) == set()
    (tmp_path / FILES[0].format(stems[0])).unlink()
    (tmp_path / FILES[1].format(stems[1])).write_text("")
    changed = [*entries[:2], replace(entries[2], fingerprint="another")]
    assert outdated(tmp_path, changed, known) == set(stems)


def test_files_of_one_image_are_removed(tmp_path: Path, entries: list[Entry]) -> None:
    write(tmp_path, entries)
    one, other, _ = (entry.stem for entry in entries)
    remove_files(tmp_path, one, keep={FILES[0].format(one)})
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if one in path.name}
    assert left == {FILES[0].format(one)}
    assert (tmp_path / FILES[3].format(other)).exists()
    remove_files(tmp_path, one)


@pytest.mark.parametrize("text", ["[]", "{", "\x00", "7", None])
def test_fingerprints_that_cannot_be_read_are_none(tmp_path: Path, text: str | None) -> None:
    (tmp_path / "assets").mkdir()
    if text is not None:
        (tmp_path / FINGERPRINTS).write_text(text)
    assert read_fingerprints(tmp_path) == {}
    assert not has_tables(tmp_path)
