"""Revocations in a ledger: in force until they are lifted, whatever else is recorded."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import text

from certify.ledger.store import Ledger
from certify.model.errors import LedgerUnavailable
from certify.model.result import Result

Make = Callable[..., Result]
ONE, TWO = "sha256:" + "1" * 64, "sha256:" + "2" * 64


def reasons(ledger: Ledger) -> list[tuple[str, str]]:
    return [(each.digest, each.reason) for each in ledger.revocations.in_force()]


def test_a_revocation_is_in_force_until_it_is_lifted(ledger: Ledger, make_result: Make) -> None:
    assert reasons(ledger) == []
    added = ledger.revocations.add(TWO, f"debian@{TWO}", "a miner 💥\x1b")
    ledger.revocations.add(ONE, f"debian@{ONE}", "old")
    assert reasons(ledger) == [(ONE, "old"), (TWO, "a miner 💥\x1b")]
    assert ledger.revocations.in_force()[1] == added
    ledger.record(make_result(digest=TWO))
    assert len(reasons(ledger)) == 2, "revoked, even if certified again"
    lifted = ledger.revocations.lift(TWO, "false alarm")
    assert lifted is not None
    assert (lifted.digest, lifted.reason) == (TWO, "a miner 💥\x1b")
    assert reasons(ledger) == [(ONE, "old")]
    assert ledger.revocations.lift(TWO, "false alarm") is None


def test_the_last_reason_counts_and_all_are_recorded(ledger: Ledger) -> None:
    for reason in ("first", "second"):
        ledger.revocations.add(ONE, "x", reason)
    assert reasons(ledger) == [(ONE, "second")]
    ledger.revocations.lift(ONE, "fixed")
    assert reasons(ledger) == []
    query = "SELECT reason, lifted_because FROM certify_revocations ORDER BY id"
    with ledger._database.engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(text(query))]
    assert rows == [("first", "revoked again"), ("second", "fixed")]


def test_a_missing_table_is_trouble(ledger: Ledger) -> None:
    with ledger._database.engine.begin() as connection:
        connection.execute(text("DROP TABLE certify_revocations"))
    with pytest.raises(LedgerUnavailable, match=r"no such table|does not exist"):
        ledger.revocations.in_force()
