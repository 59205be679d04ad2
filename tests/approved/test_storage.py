"""Publications on disk: replaced as a whole, and never in place of other files."""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import Mock

import pytest

from certify.approved.storage import (
    KEPT,
    lock_publication,
    read_published,
    read_published_folder,
    store_publication,
)
from certify.model.errors import BadPublication


def test_a_publication_is_read_back(tmp_path: Path) -> None:
    assert read_published(tmp_path, "list.json") is None
    with lock_publication(tmp_path):
        store_publication(tmp_path, 7, {"list.json": "[]", "policies/a": b"a", "policies/b": b"b"})
    assert read_published(tmp_path, "list.json") == b"[]"
    assert dict(read_published_folder(tmp_path, "policies")) == {
        "policies/a": b"a",
        "policies/b": b"b",
    }
    assert (tmp_path / "list.json").read_text() == "[]"
    assert (tmp_path / "approved/current").readlink() == Path("7")


def test_everything_is_on_disk_before_anybody_can_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: dict[str, bytes] = {}
    fsync = os.fsync

    def count(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        assert not (tmp_path / "approved/current").exists()
        flushed[str(path.relative_to(tmp_path))] = b"" if path.is_dir() else path.read_bytes()
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", count)
    store_publication(tmp_path, 7, {"list": "1"}, [("a/b/c", b"2"), ("a/d", b"3")])
    assert flushed == {
        "approved/7": b"", "approved/7/list": b"1", "approved/7/a": b"", "approved/7/a/b": b"",
        "approved/7/a/b/c": b"2", "approved/7/a/d": b"3",
    }  # fmt: skip
    assert (tmp_path / "a/b/c").read_bytes() == b"2"


def test_a_disk_that_fails_leaves_no_publication(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_publication(tmp_path, 7, {"list": "1"})
    monkeypatch.setattr(os, "fsync", Mock(side_effect=OSError("full")))
    with pytest.raises(OSError, match="full"):
        store_publication(tmp_path, 8, {"list": "2"})
    assert (tmp_path / "list").read_text() == "1"
    assert not (tmp_path / "approved/8").exists()


def test_a_name_that_is_no_longer_published_is_removed(tmp_path: Path) -> None:
    with lock_publication(tmp_path):
        store_publication(tmp_path, 1, {"old": "1", "list": "1"})
        store_publication(tmp_path, 2, {"list": "2"})
    assert not (tmp_path / "old").is_symlink()
    assert (tmp_path / "approved/1/list").read_text() == "1", "the older one is not changed"


def test_only_the_last_publications_are_kept(tmp_path: Path) -> None:
    with lock_publication(tmp_path):
        for number in range(1, KEPT + 4):
            store_publication(tmp_path, number, {"list": str(number)})
    kept = {each.name for each in (tmp_path / "approved").iterdir() if each.name.isdigit()}
    assert kept == {str(number) for number in range(4, KEPT + 4)}


@pytest.mark.parametrize("target", [None, "/etc/hostname", "nowhere"])
def test_a_file_of_somebody_else_is_not_replaced(tmp_path: Path, target: str | None) -> None:
    foreign = tmp_path / "list"
    foreign.symlink_to(target) if target else foreign.write_text("by hand")
    with (
        lock_publication(tmp_path),
        pytest.raises(BadPublication, match="not published by"),
    ):
        store_publication(tmp_path, 1, {"list": "1"})
    assert not (tmp_path / "approved/current").exists()
