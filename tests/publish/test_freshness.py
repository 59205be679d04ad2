"""Report files that are out of date, and no others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.ledger.matrix_rows import MatrixRow
from certify.ledger.store import Ledger
from certify.model.terms import Status
from certify.publish.freshness import (
    FINGERPRINTS,
    Entry,
    has_tables,
    outdated,
    read_entries,
    read_fingerprints,
    remove_files,
    write_fingerprints,
)
from tests.factories import NOON, many

NUMBERS = st.integers(0, 9)
SHOWN = MatrixRow(1, "x", None, None, None, "", "plain", NOON, Status.CERTIFIED)
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
    write_fingerprints(tmp_path, entries)
    assert outdated(tmp_path, entries) == (set(), set())
    assert outdated(tmp_path, entries[1:]) == (set(), {stems[0]})
    (tmp_path / FILES[0].format(stems[0])).unlink()
    (tmp_path / FILES[1].format(stems[1])).write_text("")
    changed = [*entries[:2], replace(entries[2], fingerprint="another")]
    assert outdated(tmp_path, changed) == (set(stems), set())


def test_fingerprints_are_read_as_they_were_written(tmp_path: Path, entries: list[Entry]) -> None:
    for some in (entries, []):
        (tmp_path / "assets").mkdir(exist_ok=True)
        (tmp_path / "assets/pages.json").write_text("of an older certify")
        write_fingerprints(tmp_path, some)
        assert dict(read_fingerprints(tmp_path)) == {each.stem: each.fingerprint for each in some}
        assert not (tmp_path / "assets/pages.json").exists()


@given(st.lists(NUMBERS, unique=True), st.lists(NUMBERS, unique=True), st.sets(NUMBERS))
def test_what_came_went_and_changed_is_found_in_any_order(
    before: list[int], now: list[int], changed: set[int]
) -> None:
    def entry(number: int, word: str) -> Entry:
        return Entry(SHOWN, f"n{number}", f"{word} of {number}")

    with TemporaryDirectory() as name:
        folder = Path(name)
        entries = [entry(each, "new" if each in changed else "old") for each in now]
        write(folder, entries)
        write_fingerprints(folder, [entry(each, "old") for each in before])
        due, gone = outdated(folder, entries)
    assert due == {f"n{each}" for each in now if each in changed or each not in before}
    assert gone == {f"n{each}" for each in before if each not in now}


def test_files_of_one_image_are_removed(tmp_path: Path, entries: list[Entry]) -> None:
    write(tmp_path, entries)
    one, other, _ = (entry.stem for entry in entries)
    remove_files(tmp_path, one, keep={FILES[0].format(one)})
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if one in path.name}
    assert left == {FILES[0].format(one)}
    assert (tmp_path / FILES[3].format(other)).exists()
    remove_files(tmp_path, one)


@pytest.mark.parametrize("text", ["[]", "{", "\x00", "7", "../../x 1 2\n", None])
def test_fingerprints_that_cannot_be_read_are_none(tmp_path: Path, text: str | None) -> None:
    (tmp_path / "assets").mkdir()
    if text is not None:
        (tmp_path / FINGERPRINTS).write_text(text)
    assert not [*read_fingerprints(tmp_path)]
    assert not has_tables(tmp_path)
