"""Databases that become ledgers, once, and those that are left alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from certify.ledger import preparation
from certify.ledger.store import Ledger
from certify.model.errors import LedgerUnavailable
from certify.model.result import Result
from tests.support.forks import FORKS

Make = Callable[..., Result]


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "browser.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(LedgerUnavailable, match=r"browser\.db is not certify's.*bookmarks"):
        Ledger.open(str(path))
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["browser.db"]


def test_a_newer_ledger_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "certify.db"
    Ledger.open(str(path)).close()
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE certify_schema SET version = 99"))
    engine.dispose()
    with pytest.raises(LedgerUnavailable, match=r"newer certify.*version 99") as refused:
        Ledger.open(str(path))
    assert "Update certify" in refused.value.remedy


def record_some(path: str, worker: int, template: str) -> int:
    """Open the ledger and write to it, in one of several processes that also create it."""
    result = Result.model_validate_json(template)
    for number in range(5):
        name = f"worker{worker}:{number}"
        with Ledger.open(path) as ledger:
            ledger.record(
                result.model_copy(
                    update={"image": result.image.model_copy(update={"reference": name})}
                )
            )
            ledger.matrix_results()
    return worker


def test_many_processes_create_and_write_one_ledger(tmp_path: Path, make_result: Make) -> None:
    path = str(tmp_path / "certify.db")
    template = make_result(digest="a").model_dump_json(by_alias=True)
    workers = 3
    with ProcessPoolExecutor(workers, mp_context=FORKS) as pool:
        done = pool.map(record_some, [path] * workers, range(workers), [template] * workers)
        assert list(done) == list(range(workers))
    with Ledger.open(path) as ledger:
        assert len(ledger.matrix_results()) == workers * 5
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


@pytest.mark.parametrize("made", [True, False])
def test_tables_that_another_process_makes_meanwhile_are_used(
    ledger_url: str, monkeypatch: pytest.MonkeyPatch, made: bool
) -> None:
    """The first look at the database comes before the other process, and the creation after it."""
    if made:
        Ledger.open(ledger_url).close()
    looks = [None]
    version = preparation._version

    def look(engine: Engine) -> int | None:
        return looks.pop() if looks else version(engine)

    def create(_connection: object) -> None:
        raise OperationalError("CREATE TABLE", {}, Exception("it is there already"))

    monkeypatch.setattr(preparation, "_version", look)
    monkeypatch.setattr(preparation, "create", create)
    if made:
        with Ledger.open(ledger_url) as ledger:
            assert ledger.matrix_rows() == []
    else:
        with pytest.raises(LedgerUnavailable, match="it is there already"):
            Ledger.open(ledger_url)
