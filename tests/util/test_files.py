"""Files that are read and written whole."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from certify.util.files import folder_lock, read_text, write_atomically


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_text_and_bytes_are_written_unchanged(tmp_path: Path) -> None:
    write_atomically(tmp_path / "new" / "a.txt", "grüße\r\n")
    write_atomically(tmp_path / "new" / "b.bin", b"\x00\xff")
    assert (tmp_path / "new" / "a.txt").read_bytes() == "grüße\r\n".encode()
    assert (tmp_path / "new" / "b.bin").read_bytes() == b"\x00\xff"
    assert names(tmp_path / "new") == ["a.txt", "b.bin"]


def test_a_file_has_the_mode_of_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_atomically(tmp_path / "a", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


def test_the_longest_name_is_written(tmp_path: Path) -> None:
    write_atomically(tmp_path / ("n" * 255), "x")
    assert names(tmp_path) == ["n" * 255]


def test_an_error_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a"
    write_atomically(target, "old")

    def full_disk(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_atomically(target, "new")
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_a_folder_of_that_name_is_an_error_without_litter(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_atomically(tmp_path / "a", "new")
    assert names(tmp_path) == ["a"]


def test_readers_never_see_half_a_file(tmp_path: Path) -> None:
    target = tmp_path / "a"
    contents = {letter * 100_000 for letter in "abc"}
    write_atomically(target, "a" * 100_000)

    def write(content: str) -> None:
        for _ in range(10):
            write_atomically(target, content)

    writers = [threading.Thread(target=write, args=[content]) for content in contents]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert target.read_text() in contents
    for writer in writers:
        writer.join()
    assert names(tmp_path) == ["a"]


def test_a_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfgr\xc3\xbc\xc3\x9fe")
    assert read_text(tmp_path / "a", ValueError) == "grüße"


class Bad(Exception):
    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def test_a_file_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"\xff")
    for name, message in {
        "none": "No such file", ".": "Is a directory", "latin": "this is not text in UTF-8",
    }.items():  # fmt: skip
        with pytest.raises(Bad) as caught:
            read_text(tmp_path / name, Bad, option="--profile", remedy="Name another.")
        assert str(caught.value).startswith(f"--profile {tmp_path / name}: {message}")
        assert caught.value.remedy == "Name another."


def test_an_unchanged_file_is_not_written_again(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", "x")
    before = (tmp_path / "a").stat()
    write_atomically(tmp_path / "a", "x")
    assert (tmp_path / "a").stat() == before
    write_atomically(tmp_path / "a", iter(["", "x"]))
    assert (tmp_path / "a").stat() == before
    write_atomically(tmp_path / "a", iter(["gr", "ün"]))
    assert (tmp_path / "a").read_text() == "grün"
    assert names(tmp_path) == ["a"]


def test_a_locked_folder_makes_others_wait(tmp_path: Path) -> None:
    entered = threading.Event()

    def wait() -> None:
        with folder_lock(tmp_path / "new"):
            entered.set()

    other = threading.Thread(target=wait)
    with folder_lock(tmp_path / "new"):
        other.start()
        assert not entered.wait(0.1)
    other.join(20)
    assert entered.is_set()
