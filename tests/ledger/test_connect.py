"""Addresses of ledgers: which are wrong usage, and which are trouble."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from certify.ledger.connect import address_of, engine_for, name_of
from certify.ledger.store import Ledger
from certify.model.errors import BadLedgerUrl, LedgerUnavailable, NothingRecorded
from tests.factories import a_result
from tests.support.forks import FORKS


@pytest.mark.parametrize(
    "url",
    [
        "nosuchthing://host/db",
        "postgresql://user:secret@host:port/db",
        "sqlite://host/certify.db",
        "://certify.db",
    ],
)
def test_an_address_of_no_database_is_wrong_usage(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadLedgerUrl, match="not the address of a ledger") as refused:
        Ledger.open(url)
    assert not list(tmp_path.iterdir())
    assert "secret" not in refused.value.message
    assert "sqlite:///" in refused.value.remedy


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql+pg8000://user:secret@host/db", "no driver"),
        ("sqlite:////proc/no/such/certify.db", "cannot be created"),
        ("/proc", "is a folder"),
    ],
)
def test_a_database_that_cannot_be_reached_is_trouble(
    monkeypatch: pytest.MonkeyPatch, url: str, message: str
) -> None:
    monkeypatch.setitem(sys.modules, "pg8000", None)
    with pytest.raises(LedgerUnavailable, match=message) as refused:
        Ledger.open(url)
    assert "secret" not in refused.value.message
    assert refused.value.remedy


def test_a_missing_file_is_created_only_on_request(tmp_path: Path) -> None:
    path = tmp_path / "new" / "certify.db"
    with pytest.raises(NothingRecorded, match="there is no"):
        Ledger.open(str(path), make=False)
    assert not path.parent.exists()
    with Ledger.open(str(path)) as ledger:
        assert name_of(ledger._database.engine) == str(path)
    with Ledger.open(str(path), make=False) as ledger:
        assert ledger.matrix_rows() == []


def test_the_driver_of_postgresql_is_psycopg() -> None:
    engine = engine_for("postgresql://ana:secret@db.invalid/certify")
    assert engine.dialect.driver == "psycopg"
    assert "secret" not in name_of(engine)
    engine.dispose()


def test_an_empty_file_is_no_ledger(tmp_path: Path) -> None:
    path = tmp_path / "certify.db"
    path.touch()
    for make in (True, False):
        with pytest.raises(LedgerUnavailable, match="is empty, and no ledger"):
            Ledger.open(str(path), make=make)
    assert path.stat().st_size == 0


def _read_as_nobody(path: Path, answers: Connection) -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setuid(65534)
    try:
        with Ledger.open(str(path), make=False) as ledger:
            known = ledger.history("docker.io/library/debian:12") != []
            answers.send(f"{len(ledger.matrix_results())} {known}")
            ledger.record(a_result())
    except LedgerUnavailable as error:
        answers.send(error.message)
    answers.send("")


def read_as_nobody(path: Path) -> list[str]:
    """Read a ledger as a user who may write neither the file nor its folder."""
    path.parent.chmod(0o555)
    path.chmod(0o444)
    answers, theirs = FORKS.Pipe(duplex=False)
    reader = FORKS.Process(target=_read_as_nobody, args=(path, theirs), daemon=True)
    try:
        reader.start()
        theirs.close()
        return list(iter(answers.recv, ""))
    finally:
        reader.join()
        path.parent.chmod(0o755)
        path.chmod(0o644)


@pytest.fixture
def shown() -> Iterator[Path]:
    """A folder that every user may enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize("open_elsewhere", [True, False])
def test_a_ledger_can_be_read_by_whom_it_does_not_belong_to(
    shown: Path, *, open_elsewhere: bool
) -> None:
    path = shown / "cert?#%20.db"
    with Ledger.open(str(path)) as ledger:
        ledger.record(a_result())
        if open_elsewhere:
            for log in shown.iterdir():
                log.chmod(0o644)
            found = read_as_nobody(path)
    if not open_elsewhere:
        found = read_as_nobody(path)
    assert found[0] == "1 True"
    assert "cannot be used: attempt to write a readonly database" in found[1]


def test_a_log_that_cannot_be_read_is_told(shown: Path) -> None:
    path = shown / "certify.db"
    with Ledger.open(str(path)) as ledger:
        ledger.record(a_result())
        log = Path(f"{path}-wal").read_bytes()
    Path(f"{path}-wal").write_bytes(log)
    assert "the newest results are still in" in " ".join(read_as_nobody(path))


def test_another_process_opens_the_same_ledger(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    with Ledger.open(str(tmp_path / "a b/certify.db")) as ledger:
        assert ledger.address == str(tmp_path / "a b/certify.db")
    server = engine_for("postgresql+psycopg://me:secret@host/db")
    assert address_of(server) == "postgresql+psycopg://me:secret@host/db"
    with Ledger.open("sqlite://") as ledger:
        assert ledger.address is None
