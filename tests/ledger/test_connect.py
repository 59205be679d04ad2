"""Addresses of ledgers: which are wrong usage, and which are trouble."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from certify.ledger.connect import name_of
from certify.ledger.store import Ledger
from certify.model.errors import BadLedgerUrl, LedgerUnavailable, NothingRecorded


@pytest.mark.parametrize(
    "url",
    [
        "nosuchthing://host/db",
        "postgresql://user:secret@host:port/db",
        "sqlite://host/certify.db",
        "://certify.db",
    ],
)
def test_an_address_of_no_database_is_wrong_usage(url: str) -> None:
    with pytest.raises(BadLedgerUrl, match="not the address of a ledger") as refused:
        Ledger.open(url)
    assert "secret" not in refused.value.message
    assert "sqlite:///" in refused.value.remedy


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql+pg8000://user:secret@host/db", "no driver"),
        ("sqlite:////proc/no/such/certify.db", "folder cannot be created"),
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
        assert name_of(ledger._engine) == str(path)
    with Ledger.open(str(path), make=False) as ledger:
        assert ledger.matrix_rows() == []
