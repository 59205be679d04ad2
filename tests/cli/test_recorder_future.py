"""The recorder of a run: made beside it, unless an address of its ledger was given."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import pytest

from certify.cli import recorder_future
from certify.cli.recorder_future import RecorderFuture
from certify.cli.storage import Storage
from certify.ledger.store import Ledger
from certify.model.errors import BadLedgerUrl, LedgerUnavailable


def test_the_recorder_has_the_ledger_in_the_folder_for_reports(tmp_path: Path) -> None:
    with RecorderFuture(Storage(tmp_path, None)) as future:
        assert isinstance(future.get().ledger, Ledger)
        assert not future.has_failed()
    assert (tmp_path / "certify.db").exists()


def test_a_ledger_in_the_folder_that_is_none_ends_the_run_early(tmp_path: Path) -> None:
    (tmp_path / "certify.db").write_text("remember the milk\n" * 1000)
    with RecorderFuture(Storage(tmp_path, None)) as future:
        with pytest.raises(LedgerUnavailable, match="is not a database"):
            future.get()
        assert future.has_failed()


def test_a_wrong_address_is_told_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(BadLedgerUrl):
        RecorderFuture(Storage(tmp_path, "nosuchthing://host/db"))


def test_a_run_goes_on_while_the_ledger_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = Event()
    make = recorder_future._make_recorder

    def slow(storage: Storage) -> object:
        go_on.wait()
        return make(storage)

    monkeypatch.setattr(recorder_future, "_make_recorder", slow)
    with RecorderFuture(Storage(tmp_path, None)) as future:
        assert not future.has_failed()
        go_on.set()
        assert future.get().ledger.name


def test_an_interrupted_run_does_not_wait_for_a_thread_that_may_never_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, ended = Event(), Event()

    def stuck(_: Storage) -> object:
        go_on.wait()
        ended.set()
        raise ValueError

    monkeypatch.setattr(recorder_future, "_make_recorder", stuck)
    with pytest.raises(KeyboardInterrupt), RecorderFuture(Storage(tmp_path, None)):
        raise KeyboardInterrupt
    assert not ended.is_set()
    go_on.set()
    assert ended.wait(10)
