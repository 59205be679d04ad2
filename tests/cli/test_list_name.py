"""Names of lists: one series of sweeps, wherever it is called; old ledgers keep theirs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from certify.cli.defaults import default_map
from certify.cli.list_name import path_and_top, series_name
from certify.cli.main import COMMANDS
from certify.ledger.store import Ledger
from certify.sweep.expand import Selection

ALL = Selection()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``top`` with settings and a folder below; ``bare`` without; ``lists`` beside both."""
    for name in ("top/below", "bare/below", "lists"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "top" / "certify.toml").write_text("")
    for name in ("top/a.txt", "top/b.txt", "top/below/b.txt", "bare/a.txt", "lists/a.txt"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def of_new_ledger(_names: Sequence[str]) -> None:
    """Know no name, as a new ledger does."""


@pytest.mark.parametrize(
    ("where", "listing", "expected"),
    [
        ("top", "a.txt", "a.txt"),
        ("top", "./a.txt", "a.txt"),
        ("top", "below/b.txt", "below/b.txt"),
        ("top", "{}/top/a.txt", "a.txt"),
        ("top/below", "../a.txt", "a.txt"),
        ("top/below", "b.txt", "below/b.txt"),
        ("top/below", "{}/top/a.txt", "a.txt"),
        ("lists", "../top/a.txt", "a.txt"),
        ("lists", "{}/top/a.txt", "a.txt"),
        ("top", "../lists/a.txt", "../lists/a.txt"),
        ("top/below", "../../lists/a.txt", "../lists/a.txt"),
        ("top/below", "{}/lists/a.txt", "{}/lists/a.txt"),
        ("bare", "a.txt", "a.txt"),
        ("bare", "below/../a.txt", "a.txt"),
        ("bare", "{}/bare/a.txt", "{}/bare/a.txt"),
        ("bare/below", "../a.txt", "../a.txt"),
        ("bare", "none/a.txt", "none/a.txt"),
    ],
)
def test_a_list_has_one_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch, where: str, listing: str, expected: str
) -> None:
    monkeypatch.chdir(folder / where)
    path = Path(listing.format(folder))
    assert series_name(path, ALL, of_new_ledger) == expected.format(folder)
    assert path_and_top(path)[0] == expected.format(folder)


@pytest.mark.parametrize("listing", ["a.txt", "below/b.txt", "../lists/a.txt", "{}/lists/a.txt"])
def test_the_list_of_the_settings_has_the_name_that_stands_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch, listing: str
) -> None:
    name = listing.format(folder)
    (folder / "top" / "certify.toml").write_text(f'[sweep]\nlist = "{name}"\n')
    for where in ("top", "top/below"):
        monkeypatch.chdir(folder / where)
        found = default_map("sweep", COMMANDS["sweep"], COMMANDS)["listing"]
        assert series_name(Path(found), ALL, of_new_ledger) == name


@pytest.mark.parametrize(
    ("where", "listing", "swept", "expected"),
    [
        ("top", "a.txt", ["a.txt"], "a.txt"),
        ("top", "a.txt", ["a.txt", "{}/top/a.txt"], "a.txt"),
        ("top", "a.txt", ["{}/top/a.txt"], "{}/top/a.txt"),
        ("top", "{}/top/a.txt", ["a.txt", "{}/top/a.txt"], "{}/top/a.txt"),
        ("top", "{}/top/a.txt", ["{}/top/a.txt", "a.txt"], "a.txt"),
        ("top/below", "../a.txt", ["../a.txt"], "../a.txt"),
        ("top/below", "../a.txt", ["../a.txt", "a.txt"], "a.txt"),
        ("top/below", "b.txt", ["b.txt"], "below/b.txt"),  # the name of the one in the folder above
        ("bare", "a.txt", ["a.txt"], "a.txt"),
        ("bare", "a.txt", ["b.txt"], "a.txt"),
        ("bare", "a.txt", ["{}/bare/a.txt"], "{}/bare/a.txt"),
        ("bare", "{}/bare/a.txt", ["a.txt"], "{}/bare/a.txt"),
    ],
)
def test_the_series_of_an_older_certify_goes_on(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    listing: str,
    swept: list[str],
    expected: str,
) -> None:
    monkeypatch.chdir(folder / where)
    with Ledger.open(str(folder / "x.db")) as ledger:
        for each in swept:
            number = ledger.sweeps.begin(each.format(folder), "machine/1/1", lambda _: False)
            ledger.sweeps.finish(number, [])
        found = series_name(Path(listing.format(folder)), ALL, ledger.sweeps.newest_name)
    assert found == expected.format(folder)


def test_a_list_below_keeps_its_old_name_where_no_other_has_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "top" / "b.txt").unlink()
    monkeypatch.chdir(folder / "top" / "below")
    assert series_name(Path("b.txt"), ALL, lambda names: names[-1]) == "b.txt"


def test_a_selection_has_its_own_series(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder / "top" / "below")
    some = Selection(("a:*", "b:*"), ("a:1",), 3)
    expected = "a.txt --include a:* --include b:* --exclude a:1 --max-tags 3"
    assert series_name(Path("../a.txt"), some, of_new_ledger) == expected
    asked: list[str] = []
    series_name(Path("../a.txt"), some, asked.extend)
    assert asked == [
        expected, expected.replace("a.txt", "../a.txt", 1),
        expected.replace("a.txt", f"{folder}/top/a.txt", 1),
    ]  # fmt: skip
