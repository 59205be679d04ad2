"""Paths in settings: the same file, wherever a command is called."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from certify.cli.defaults import parameters_of
from certify.cli.main import COMMANDS
from certify.cli.setting_paths import is_place, located

TABLE = [
    ("x.db", "../x.db"),
    ("./lists/x.json", "../lists/x.json"),
    ("below/x.db", "x.db"),
    ("../x.db", "../../x.db"),
    ("/a/x.db", "/a/x.db"),
    ("~/x.db", "/home/me/x.db"),
    ("~", "/home/me"),
    ("~nobody-has-it/x", "../~nobody-has-it/x"),
    ("a~/x.db", "../a~/x.db"),
    ("sqlite:///x.db", "sqlite:///../x.db"),
    ("sqlite+pysqlite:///x.db?timeout=3", "sqlite+pysqlite:///../x.db?timeout=3"),
    ("sqlite:///~/x.db", "sqlite:////home/me/x.db"),
    ("sqlite:////a/x.db", "sqlite:////a/x.db"),
    ("sqlite:///:memory:", "sqlite:///:memory:"),
    (":memory:", ":memory:"),
    ("sqlite:///file:x.db?uri=true", "sqlite:///file:x.db?uri=true"),
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    monkeypatch.setenv("HOME", "/home/me")
    return tmp_path


@pytest.mark.parametrize(("text", "expected"), TABLE)
def test_a_path_starts_at_its_file(folder: Path, text: str, expected: str) -> None:
    assert located(text, folder) == expected


@pytest.mark.parametrize("text", [text for text, _ in TABLE if "~/" not in text and text != "~"])
def test_a_path_of_a_variable_starts_where_the_command_is_called(text: str) -> None:
    assert located(text, None) == text


@pytest.mark.parametrize("text", ["~/x.db", "sqlite:///~/x.db"])
def test_the_home_folder_is_known_in_a_variable_too(text: str) -> None:
    assert located(text, None) == text.replace("~", "/home/me")


@pytest.mark.parametrize(
    ("command", "key", "text", "expected"),
    [
        ("sweep", "reports", "x", True),
        ("sweep", "list", "x", True),
        ("sweep", "ledger", "x", True),
        ("sweep", "ledger", "sqlite:///x", True),
        ("sweep", "ledger", "postgresql://host/x", False),
        ("sweep", "profile", "plain", False),
        ("sweep", "profile", "./plain", True),
        ("sweep", "profile", "plain.toml", True),
        ("sweep", "memory", "1g", False),
        ("sweep", "site_url", "x", False),
        ("verify", "approved", "x.json", True),
        ("verify", "approved", "https://host/x.json", False),
        ("verify", "approved", "sqlite:///x", False),
        ("verify", "profile", "plain", False),
        ("diff", "list", "x.txt", False),
    ],
)
def test_paths_are_told_from_names_and_addresses(
    command: str, key: str, text: str, expected: bool
) -> None:
    parameter: click.Parameter = parameters_of(COMMANDS[command])[key]
    assert is_place(key, parameter, text) is expected
