"""The file junit.xml: suites of results that have not changed are copied, not made again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from certify.model.result import Result
from certify.publish.junit import junit_xml
from certify.publish.junit_file import FILE, INDEX, write_junit
from tests.factories import NOON, result_of

RESULTS = [result_of(number, NOON) for number in range(6)]


class Stored:
    """Results with stamps, which remembers which of them were read."""

    def __init__(self, numbers: Sequence[int], stamps: Sequence[str] | None = None) -> None:
        self.numbers = numbers
        self.stamps = stamps or [f"s{number}" for number in numbers]
        self.asked: list[int] = []

    def read(self, places: Sequence[int]) -> Iterator[Result]:
        self.asked = [self.numbers[place] for place in places]
        return (RESULTS[number] for number in self.asked)


def written(folder: Path, results: Stored) -> list[int]:
    """Write the file, and return which results were read for it."""
    write_junit(folder, results)
    expected = junit_xml([RESULTS[number] for number in results.numbers])
    assert (folder / FILE).read_text("utf-8") == expected
    return results.asked


def test_only_what_changed_is_read(tmp_path: Path) -> None:
    assert written(tmp_path, Stored([0, 1, 2])) == [0, 1, 2]
    before = (tmp_path / FILE).stat()
    assert written(tmp_path, Stored([0, 1, 2])) == []
    assert (tmp_path / FILE).stat().st_ino == before.st_ino, "nothing is written"
    assert written(tmp_path, Stored([0, 4, 2, 1])) == [4]
    assert written(tmp_path, Stored([4, 1])) == []
    assert written(tmp_path, Stored([4, 1], ["s4", "another"])) == [1]


def test_what_is_new_is_made_again_once(tmp_path: Path) -> None:
    assert written(tmp_path, Stored([0, 1], ["s0", ""])) == [0, 1]
    assert written(tmp_path, Stored([0])) == []
    assert written(tmp_path, Stored([0, 1])) == [1]
    assert written(tmp_path, Stored([0, 1])) == []


@pytest.mark.parametrize("damage", ["run", "index", "gone"])
def test_a_file_of_another_command_is_not_copied_from(tmp_path: Path, damage: str) -> None:
    written(tmp_path, Stored([0, 1]))
    if damage == "run":
        index = (tmp_path / INDEX).read_bytes()
        write_junit(tmp_path, RESULTS[:3])
        assert not (tmp_path / INDEX).exists()
        (tmp_path / INDEX).write_bytes(index)
    elif damage == "index":
        (tmp_path / INDEX).write_text(json.dumps({"file": []}))
    else:
        (tmp_path / FILE).unlink()
    assert written(tmp_path, Stored([0, 1])) == [0, 1]
