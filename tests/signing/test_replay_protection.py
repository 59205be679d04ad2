"""An older list than one used before is refused, whatever else goes on."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from certify.model.errors import ListUnavailable, NotBelieved
from certify.signing.replay_protection import record_sequence, state_file


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def test_an_older_list_is_known(state: Path) -> None:
    for sequence in (3, 3, 5):
        assert record_sequence("/a.json", "k", sequence) is None
    with pytest.raises(NotBelieved, match=r"number 4.* older than one used before .*5") as refused:
        record_sequence("/a.json", "k", 4)
    assert str(state_file()) in refused.value.remedy
    record_sequence("/a.json", "another key", 1)
    record_sequence("/b.json", "k", 1)
    assert state_file() == state / "certify" / "lists.json"


@pytest.mark.parametrize("text", ["", "[]", '{"a": "b"}', '{"a": true}', "\0"])
def test_a_memory_that_cannot_be_read_is_no_memory_of_nothing(text: str) -> None:
    state_file().parent.mkdir(parents=True)
    state_file().write_text(text)
    with pytest.raises(ListUnavailable, match="lists used before cannot be read"):
        record_sequence("/a.json", "k", 1)


def test_a_memory_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    told = record_sequence("/a.json", "k", 1)
    assert told is not None
    assert "Not a directory" in told


def test_many_at_once_keep_the_highest() -> None:
    with ThreadPoolExecutor(8) as pool:
        futures = [
            pool.submit(record_sequence, f"/{n % 4}.json", "k", 1 + n // 4) for n in range(80)
        ]
    older = [each for each in futures if isinstance(each.exception(), NotBelieved)]
    assert all(each in older or each.exception() is None for each in futures)
    kept = json.loads(state_file().read_text())
    assert kept == {f"/{n}.json k": 20 for n in range(4)}


def test_without_xdg_it_is_kept_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for base in ("", "relative"):
        monkeypatch.setenv("XDG_STATE_HOME", base)
        assert state_file() == tmp_path / ".local/state/certify/lists.json"
