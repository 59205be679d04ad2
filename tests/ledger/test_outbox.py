"""Results that wait in files until the ledger can be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from certify.ledger.outbox import FOLDER, Outbox, take_in
from certify.ledger.store import Ledger
from tests.ledger.test_recording import count, numbered


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "[" * 200_000, '{"ledger": NaN}'])
def test_a_file_that_cannot_be_read_is_named_and_stays(
    ledger: Ledger, tmp_path: Path, content: str
) -> None:
    outbox = Outbox(tmp_path / FOLDER, ledger.name)
    outbox.keep("good", numbered(1))
    broken = tmp_path / FOLDER / "broken.json"
    broken.write_text(content)
    told, done = take_in(outbox, ledger)
    assert told == f"{broken} holds no result that can be read: repair or remove it"
    assert done.startswith("1 result of an earlier command")
    assert broken.exists()
    assert count(ledger) == 1


def test_a_moment_without_a_time_zone_is_none(ledger: Ledger, tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / FOLDER, ledger.name)
    for number in (1, 2):
        outbox.keep(f"r{number}", numbered(number))
    ended = numbered(2).model_dump(mode="json")["finished_at"]
    broken = tmp_path / FOLDER / "r2.json"
    broken.write_text(broken.read_text("utf-8").replace(ended, ended.rstrip("Z")), "utf-8")
    found, unreadable = outbox.left()
    assert [name for name, _ in found] == ["r1"]
    assert unreadable == [broken]


def test_what_waits_is_of_one_ledger_and_is_recorded_once(tmp_path: Path) -> None:
    with (
        Ledger.open(str(tmp_path / "one.db")) as one,
        Ledger.open(str(tmp_path / "two.db")) as two,
    ):
        outbox = Outbox(tmp_path / FOLDER, one.name)
        for number in (2, 1):
            outbox.keep(f"r{number}", numbered(number))
        one.record(numbered(1), "r1")  # its command was killed before it removed the file
        assert list(take_in(Outbox(tmp_path / FOLDER, two.name), two)) == []
        assert count(two) == 0
        (line,) = take_in(outbox, one)
        assert line.startswith("2 results of an earlier command")
        assert count(one) == 2
        assert len(one.history("a:1")) == 1
        assert not outbox.folder.exists()
