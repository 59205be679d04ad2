"""``certify ledger``: export, import, and shards that are joined; tests/sweep/test_conclusion.py
proves that merged shards give what one sweep gives."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from certify.cli import ledger as module
from certify.ledger.changes import sweep_entry
from certify.ledger.store import Ledger
from certify.model.result import Result
from certify.model.terms import Status
from tests.conftest import Certify
from tests.factories import a_certificate, digest


def image(number: int, status: Status = Status.CERTIFIED) -> Result:
    named = {"reference": f"registry.invalid/team/app:{number}", "tag": str(number)}
    return a_certificate(image={**named, "digest": digest(number)}, status=status)


def shard(folder: Path, name: str, *results: Result, source: str = "images.txt") -> str:
    """A ledger in which a shard of a list was swept."""
    path = folder / f"{name.replace('/', '-of-')}.db"
    with Ledger.open(str(path)) as ledger:
        entries = []
        for each in results:
            recording = f"{each.image.tag} of {name}"
            ledger.record(each, recording)
            entries.append(replace(sweep_entry(each), recording=recording))
        number = ledger.sweeps.begin(source, f"host/{name}/1", lambda _: True, name)
        ledger.sweeps.finish(number, entries)
    return str(path)


def test_shards_are_joined_once(certify: Certify, tmp_path: Path) -> None:
    first = shard(tmp_path, "1/2", image(1), image(2, Status.REJECTED))
    second = shard(tmp_path, "2/2", image(3))
    ended = certify("ledger", "merge", first, second)
    assert ended.code == 1
    assert "3 results and 2 sweeps new in reports/certify.db" in ended.err
    assert "3 images: 2 certified" in ended.out
    assert "team/app:2" in (tmp_path / "reports" / "junit.xml").read_text()
    again = certify("ledger", "merge", first, second)
    assert (again.code, again.out) == (0, "")
    assert "0 results and 0 sweeps new" in again.err
    nothing = certify("ledger", "merge")
    assert nothing.code == 3
    assert "No shard of a sweep has ended" in nothing.err


def test_a_shard_that_did_not_end_is_inconclusive_and_keeps_its_images(
    certify: Certify, tmp_path: Path
) -> None:
    assert certify("ledger", "merge", shard(tmp_path, "1/2", image(1)),
                   shard(tmp_path, "2/2", image(2))).code == 0  # fmt: skip
    ended = certify("ledger", "merge", shard(tmp_path, "1/2", image(1)))
    assert ended.code == 3
    assert "images.txt --shard 2/2" in ended.out
    assert "this shard did not end" in ended.out
    assert "Nothing changed" in ended.out
    assert "app:2" in certify("matrix").out


def test_lists_are_joined_one_at_a_time(certify: Certify, tmp_path: Path) -> None:
    ledgers = [
        shard(tmp_path, "1/1", image(1)), shard(tmp_path, "01/1", image(2), source="other.txt")
    ]  # fmt: skip
    ended = certify("ledger", "merge", *ledgers)
    assert ended.code == 2
    assert "shards of 2 lists: images.txt, other.txt" in ended.err
    assert certify("ledger", "merge", "--list", "other.txt").code == 0
    assert "app:1" in certify("ledger", "merge", "--format", "json").out


def test_a_ledger_is_copied_through_a_pipe(certify: Certify, tmp_path: Path) -> None:
    shard(tmp_path, "1/1", image(1))
    for name in ("out.jsonl", "-"):
        ended = certify("ledger", "export", name, "--ledger", "1-of-1.db")
        assert ended.code == 0, ended.err
    assert (tmp_path / "out.jsonl").read_text() == ended.out
    taken = certify("ledger", "import", "out.jsonl", "out.jsonl")
    assert "1 result and 1 sweep new in reports/certify.db" in taken.err
    (tmp_path / "out.jsonl").write_text(ended.out[:-20])
    cut = certify("ledger", "import", "out.jsonl")
    assert cut.code == 2
    assert "out.jsonl" in cut.err


@pytest.mark.parametrize("command", ["export", "merge"])
def test_a_ledger_that_is_not_there_is_told(certify: Certify, command: str) -> None:
    ended = certify("ledger", command, *(["x"] if command == "export" else ["missing.db"]))
    assert ended.code == 3
    assert "Nothing is recorded yet" in ended.err


@pytest.mark.parametrize("place", ["missing/x.jsonl", "."])
def test_an_export_that_cannot_be_written_rejects_nothing(
    certify: Certify, tmp_path: Path, place: str
) -> None:
    shard(tmp_path, "1/1", image(1))
    ended = certify("ledger", "export", place, "--ledger", "1-of-1.db")
    assert (ended.code, ended.out) == (3, "")
    first, second = ended.err.splitlines()
    assert f"'{place}'" in first
    assert "Name a file in a folder" in second


@pytest.mark.parametrize("place", ["missing.jsonl", "."])
def test_an_import_of_nothing_is_wrong_usage(certify: Certify, place: str) -> None:
    ended = certify("ledger", "import", place)
    assert (ended.code, ended.out) == (2, "")
    assert f"'{place}'" in ended.err


def test_merging_waits_for_shards_that_have_not_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard(tmp_path, "1/2", image(1))
    with Ledger.open(str(tmp_path / "1-of-2.db")) as found:

        def end_the_other(_seconds: float) -> None:
            number = found.sweeps.begin("images.txt", "host/2/1", lambda _: True, "2/2")
            found.sweeps.finish(number, [])

        monkeypatch.setattr(time, "sleep", end_the_other)
        assert [each.shard for each in module._shards(found.sweeps, None, 0)] == ["1/2"]
        shards = module._shards(found.sweeps, None, 1)
    assert sorted(each.shard for each in shards) == ["1/2", "2/2"]
