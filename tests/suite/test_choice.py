from __future__ import annotations

from pathlib import Path

import pytest

from certify.errors import BadProfile
from certify.judge.profiles import is_file
from certify.suite.choice import chosen_profile, chosen_profiles

MINE = """
name = "mine"
title = "t"
description = "d"
source = "s"
extends = "plain"
"""


@pytest.fixture
def mine(tmp_path: Path) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(MINE)
    return str(path)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("plain", False), ("./plain", True), ("plain.toml", True), ("/a/b", True), ("a\\b", True)],
)
def test_a_file_is_told_from_a_name(name: str, expected: bool) -> None:
    assert is_file(name) is expected


def test_names_and_files_are_chosen_in_their_order_and_once(mine: str) -> None:
    chosen = chosen_profiles(["plain", mine, "devspace", "plain", mine])
    assert [each.name for each in chosen] == ["plain", "mine", "devspace"]


def test_two_files_may_not_have_one_name(mine: str, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(MINE)
    with pytest.raises(BadProfile, match=r"other\.toml: its name is 'mine', and so is that of .*"):
        chosen_profiles([mine, str(other)])


def test_a_file_may_name_checks_of_the_users_own_folder(tmp_path: Path) -> None:
    checks = tmp_path / "checks"
    checks.mkdir()
    (checks / "test_jq.py").write_text('@check("tools.jq", remedy="")\ndef test_jq(): ...\n')
    path = tmp_path / "mine.toml"
    path.write_text(MINE + 'required = ["tools.jq"]\n')
    assert "tools.jq" in chosen_profile(str(path), checks).required
    with pytest.raises(BadProfile, match=r"mine\.toml:7: required: there is no check 'tools\.jq'"):
        chosen_profile(str(path))
