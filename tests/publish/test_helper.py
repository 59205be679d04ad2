"""Helpers write the same files as their parent, which writes all that they do not."""

from __future__ import annotations

import fcntl
import io
import os
import pickle
import threading
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

import pytest
from sqlalchemy import text

from certify.ledger.matrix_rows import MatrixRow
from certify.ledger.rows import batched
from certify.ledger.store import Ledger
from certify.model.errors import NothingRecorded
from certify.publish import helper
from certify.publish.helper import Batches, Helper, serve, write_images
from certify.publish.image_writer import ImageWriter
from certify.util.files import folder_lock
from tests.factories import NOON, many

SILENT, CLOSED = ("sleep", "600"), ("true",)
"""Commands that stand in for helpers that reply nothing, and that are gone at once."""


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(str(tmp_path / "certify.db")) as opened:
        for result in many(6):
            opened.record(result)
        yield opened


@pytest.fixture
def rows(ledger: Ledger) -> list[MatrixRow]:
    return ledger.matrix_rows()


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[int]:
    with folder_lock(tmp_path / "locked") as descriptor:
        yield descriptor


def contents(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def alone(folder: Path, ledger: Ledger, rows: Sequence[MatrixRow]) -> dict[str, bytes]:
    """What one process writes."""
    ImageWriter(folder, NOON).write(ledger, rows)
    return contents(folder)


def requested(writer: ImageWriter, address: str, *batches: Sequence[MatrixRow]) -> io.BytesIO:
    """What a parent sends to a helper."""
    return io.BytesIO(b"".join(map(pickle.dumps, ((writer, address), *batches))))


def test_a_helper_writes_all_that_it_takes(
    tmp_path: Path, ledger: Ledger, rows: list[MatrixRow], lock: int
) -> None:
    left = Batches(batched(rows, 2))
    started = Helper(ImageWriter(tmp_path / "helped", NOON), str(ledger.address), left, lock)
    started.join()
    started.end()
    assert not left
    assert contents(tmp_path / "helped") == alone(tmp_path / "alone", ledger, rows)


@pytest.mark.parametrize("command", [SILENT, CLOSED])
def test_a_helper_that_ends_gives_back_what_it_did_not_write(
    command: tuple[str, ...],
    tmp_path: Path,
    ledger: Ledger,
    rows: list[MatrixRow],
    lock: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(helper, "_COMMAND", command)
    left = Batches([rows])
    started = Helper(ImageWriter(tmp_path / "reports", NOON), str(ledger.address), left, lock)
    started._process.kill()
    started.join()
    assert list(left) == [rows]
    started.end()


@pytest.mark.parametrize("trouble", ["no ledger", "no folder", "unreadable"])
def test_a_helper_ends_without_a_reply_at_what_it_cannot_write(
    trouble: str, tmp_path: Path, ledger: Ledger, rows: list[MatrixRow]
) -> None:
    folder, address = tmp_path / "reports", str(ledger.address)
    if trouble == "no folder":
        folder.write_text("a file")
    if trouble == "no ledger":
        address = "/nowhere.db"
    if trouble == "unreadable":  # which the parent tells
        with ledger._database.writing() as connection:
            connection.execute(text("UPDATE certify_results SET document = '{}' WHERE id = 2"))
    requests = requested(ImageWriter(folder, NOON), address, rows)
    expected = {"no ledger": NothingRecorded, "no folder": OSError}
    with pytest.raises(expected[trouble]) if trouble in expected else nullcontext():
        serve(requests, replies := io.BytesIO())
    assert replies.getvalue() == b""


def test_a_helper_keeps_the_lock_until_it_ends(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it may write a last batch after its parent was killed."""
    monkeypatch.setattr(Helper, "_feed", lambda *_: None)
    with folder_lock(tmp_path) as lock:
        started = Helper(ImageWriter(tmp_path, NOON), str(ledger.address), Batches(), lock)
    with started._process, (tmp_path / ".lock").open() as other:
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        started._process.communicate()  # closes its input, and waits
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> list[Helper]:
    """Two helpers start for any number of images; those that did."""
    started: list[Helper] = []

    class Kept(Helper):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)  # type: ignore[arg-type]
            started.append(self)

    monkeypatch.setattr(helper, "MANY", 1)
    monkeypatch.setattr(helper, "BATCH_SIZE", 2)
    monkeypatch.setattr(helper, "Helper", Kept)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    return started


def test_all_files_are_written_whoever_writes_them(
    tmp_path: Path, ledger: Ledger, rows: list[MatrixRow], lock: int, eager: list[Helper]
) -> None:
    write_images(ImageWriter(tmp_path / "helped", NOON), ledger, rows, lock)
    assert [each._process.returncode is not None for each in eager] == [True, True]
    assert contents(tmp_path / "helped") == alone(tmp_path / "alone", ledger, rows)


def test_the_parent_writes_everything_if_all_helpers_fail(
    tmp_path: Path,
    ledger: Ledger,
    rows: list[MatrixRow],
    lock: int,
    eager: list[Helper],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failed = threading.Event()

    def fail(*_: object) -> None:
        failed.set()
        raise BrokenPipeError

    taken: list[Sequence[MatrixRow]] = []
    real = ImageWriter.write

    def write(self: ImageWriter, ledger: Ledger, rows: Sequence[MatrixRow]) -> None:
        assert failed.wait(60), "the helpers fail first"
        taken.append(rows)
        real(self, ledger, rows)

    monkeypatch.setattr(helper, "_COMMAND", CLOSED)
    monkeypatch.setattr(helper, "_send", fail)
    monkeypatch.setattr(ImageWriter, "write", write)
    write_images(ImageWriter(tmp_path / "helped", NOON), ledger, rows, lock)
    assert sorted(each.id for part in taken for each in part) == sorted(each.id for each in rows)
    assert len(eager) == 2


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_error_ends_the_helpers(
    error: type[BaseException],
    tmp_path: Path,
    ledger: Ledger,
    rows: list[MatrixRow],
    lock: int,
    eager: list[Helper],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(helper, "_COMMAND", SILENT)
    monkeypatch.setattr(helper, "_END_SECONDS", 0.1)
    monkeypatch.setattr(ImageWriter, "write", fail)
    with pytest.raises(error):
        write_images(ImageWriter(tmp_path / "reports", NOON), ledger, rows, lock)
    assert [each._process.returncode is not None for each in eager] == [True, True]


def test_few_images_and_ledgers_in_memory_have_no_helper(
    tmp_path: Path, ledger: Ledger, rows: list[MatrixRow], lock: int, eager: list[Helper]
) -> None:
    helper.MANY = len(rows) + 1
    write_images(ImageWriter(tmp_path, NOON), ledger, rows, lock)
    helper.MANY = 1
    with Ledger.open("sqlite://") as other:
        for result in many(2):
            other.record(result)
        write_images(ImageWriter(tmp_path, NOON), other, other.matrix_rows(), lock)
    assert eager == []


def test_each_batch_has_a_reply(tmp_path: Path, ledger: Ledger, rows: list[MatrixRow]) -> None:
    writer = ImageWriter(tmp_path / "reports", NOON)
    serve(requested(writer, str(ledger.address), *batched(rows, 4)), replies := io.BytesIO())
    assert replies.getvalue() == b"++"
    assert contents(tmp_path / "reports") == alone(tmp_path / "alone", ledger, rows)
