"""Places of images: the file as code hosts name it."""

from __future__ import annotations

from pathlib import Path

import pytest

from certify.publish.places import path_in_repository


@pytest.mark.parametrize("marked", ["folder", "file of a worktree", None])
def test_a_file_is_named_from_the_top_of_its_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, marked: str | None
) -> None:
    lists = tmp_path / "repository" / "lists"
    lists.mkdir(parents=True)
    if marked == "folder":
        (tmp_path / "repository" / ".git").mkdir()
    elif marked:
        (tmp_path / "repository" / ".git").write_text("gitdir: elsewhere")
    monkeypatch.chdir(lists)
    inside = "lists/images.txt" if marked else "images.txt"
    assert path_in_repository(Path("images.txt")) == inside
    assert path_in_repository(lists / "images.txt") == inside
    assert path_in_repository(lists / ".." / "lists" / "images.txt") == inside
    assert path_in_repository(Path("../all.txt")) == ("all.txt" if marked else "../all.txt")
