from __future__ import annotations

from pathlib import Path

import pytest

from certify.judge.profiles import load, shipped
from certify.model.errors import BadProfile
from certify.suite.catalogue import known_check_ids
from certify.suite.profile_selection import (
    complete_profile,
    is_file,
    read_profile,
    select_profile,
    select_profiles,
)

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
def test_a_path_is_a_file_and_a_word_is_a_name(name: str, expected: bool) -> None:
    assert is_file(name) is expected


def test_names_and_files_are_chosen_in_their_order_and_once(mine: str) -> None:
    chosen = select_profiles(["plain", mine, "devspace", "plain", mine])
    assert [each.name for each in chosen] == ["plain", "mine", "devspace"]


def test_two_files_may_not_have_one_name(mine: str, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(MINE)
    with pytest.raises(BadProfile, match=r"other\.toml: its name is 'mine', and so is that of .*"):
        select_profiles([mine, str(other)])


@pytest.mark.parametrize("name", shipped())
def test_shipped_profiles_are_complete(name: str) -> None:
    assert select_profile(name) == complete_profile(load(name)) == load(name)


@pytest.mark.parametrize(
    ("lines", "added"),
    [
        ('extends = "plain"', ()),
        ('launch = "idle"\nrequired = ["image.size"]', ("image.platform", "image.shell")),
        ('launch = "idle"\nrequired = ["workspace.sudo"]',
         ("image.platform", "image.shell", "workspace.user")),
        ('launch = "init"\nrequired = ["image.os"]',
         ("image.platform", "image.shell", "systemd.pid1")),
        ('launch = "init"\nrequired = ["dockerd.compose"]\ninfo = ["dockerd.running"]',
         ("image.platform", "image.shell", "systemd.pid1", "dockerd.container")),
        ('launch = "image"\nrequired = ["services.logs"]',
         ("image.platform", "image.shell", "services.supervisord")),
    ],
)  # fmt: skip
def test_needed_checks_are_added(tmp_path: Path, lines: str, added: tuple[str, ...]) -> None:
    """Else what it is skipped for would be nobody's finding, and the verdict stay open."""
    path = tmp_path / "mine.toml"
    text = MINE.replace('extends = "plain"', lines)
    path.write_text(text)
    asked, named = select_profile(str(path)), read_profile(path, known_check_ids())
    assert asked.info == (*named.info, *added)
    assert (asked.required, asked.recommended) == (named.required, named.recommended)


def test_own_checks_keep_their_level(tmp_path: Path) -> None:
    mine = load("plain").model_copy(update={"required": ("tools.jq",), "recommended": ()})
    assert complete_profile(mine).required == ("tools.jq",)
    assert set(complete_profile(mine).info) == {
        "image.command", "image.libc", "image.platform", "image.shell",
    }  # fmt: skip


def test_a_file_may_name_checks_of_the_users_own_folder(tmp_path: Path) -> None:
    checks = tmp_path / "checks"
    checks.mkdir()
    (checks / "test_jq.py").write_text('@check("tools.jq", remedy="")\ndef test_jq(): ...\n')
    path = tmp_path / "mine.toml"
    path.write_text(MINE + 'required = ["tools.jq"]\n')
    assert "tools.jq" in select_profile(str(path), checks).required
    with pytest.raises(BadProfile, match=r"mine\.toml:7: required: there is no check 'tools\.jq'"):
        select_profile(str(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'name = "plain"\ntitle = "t"\ndescription = "d"\nsource = "s"\nextends = "coder"\n',
         "mine.toml:1: name: 'plain' is a profile that ships"),
        (b"name = ", "mine.toml: this is not TOML: "),
        (b'name = "\xff"', "--profile mine.toml: this is not text in UTF-8: "),
        (None, "--profile mine.toml: No such file"),
    ],
)  # fmt: skip
def test_a_bad_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes | None, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if text is not None:
        Path("mine.toml").write_bytes(text)
    with pytest.raises(BadProfile) as caught:
        select_profile("mine.toml")
    assert caught.value.message.startswith(message)
