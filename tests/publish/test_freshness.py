"""Report files that are out of date, and no others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from certify.ledger.store import Ledger
from certify.publish import freshness
from certify.publish.freshness import (
    FINGERPRINTS,
    Entry,
    fingerprints_json,
    has_tables,
    outdated,
    read_entries,
    read_fingerprints,
    remove_files,
)
from certify.util.files import write_atomically
from certify.util.text import safe_json
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
    stems = [entry.stem for entry in entries]
    assert outdated(tmp_path, entries) == (set(stems), set())
    write(tmp_path, entries)
    write_atomically(tmp_path / FINGERPRINTS, fingerprints_json(entries))
    assert outdated(tmp_path, entries) == (set(), set())
    assert outdated(tmp_path, entries[1:]) == (set(), {stems[0]})
    (tmp_path / FILES[0].format(stems[0])).unlink()
    (tmp_path / FILES[1].format(stems[1])).write_text("")
    changed = [*entries[:2], replace(entries[2], fingerprint="another")]
    assert outdated(tmp_path, changed) == (set(stems), set())


@pytest.mark.parametrize("part", [1, 2, 1_000])
def test_fingerprints_are_read_as_they_were_written(
    part: int, tmp_path: Path, entries: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "_PART", part)
    for some in (entries, []):
        known = {entry.stem: entry.fingerprint for entry in some}
        write_atomically(tmp_path / FINGERPRINTS, text := "".join(fingerprints_json(some)))
        assert text == safe_json(known) + "\n"
        assert read_fingerprints(tmp_path) == known


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
