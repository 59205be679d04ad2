"""Waivers in the ledger: kept with their result; results of before there were any still load."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from certify.ledger.store import Ledger
from certify.model.result import Check, Result, Waived, WaiverNote
from certify.model.terms import Level, Outcome, WaiverState

EXCUSE = Waived(
    reason="harmless \x1b[2J",
    owner="ana",
    expires=datetime(2026, 5, 31, 23, 59, 59, tzinfo=UTC),
    ticket="OPS-7",
)
CHECK = Check(
    id="a.b",
    title="t",
    group="a",
    level=Level.REQUIRED,
    outcome=Outcome.FAILED,
    seconds=0.1,
    waiver=EXCUSE,
)


def test_waivers_come_back_with_their_result(
    tmp_path: Path, make_result: Callable[..., Result]
) -> None:
    notes = tuple(
        WaiverNote(check="a.b", image="team/*", state=state, **EXCUSE.model_dump())
        for state in WaiverState
    )
    result = make_result().model_copy(update={"checks": (CHECK,), "waivers": notes})
    with Ledger.open(str(tmp_path / "certify.db")) as ledger:
        ledger.record(result)
        assert ledger.current() == [result]


def test_a_result_of_before_there_were_waivers_loads(
    tmp_path: Path, make_result: Callable[..., Result]
) -> None:
    path = tmp_path / "certify.db"
    result = make_result().model_copy(
        update={"checks": (CHECK.model_copy(update={"waiver": None}),)}
    )
    with Ledger.open(str(path)) as ledger:
        ledger.record(result)
    connection = sqlite3.connect(path)
    (document,) = connection.execute("SELECT document FROM certify_results").fetchone()
    old = json.loads(document)
    del old["waivers"]
    connection.execute("UPDATE certify_results SET document = ?", (json.dumps(old),))
    connection.commit()
    connection.close()
    with Ledger.open(str(path)) as ledger:
        assert ledger.current() == [result]
