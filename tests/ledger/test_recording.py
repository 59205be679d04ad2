"""Recording beside the work: nothing is lost, whatever the database does meanwhile."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from certify.ledger import connect, recording
from certify.ledger.outbox import FOLDER, Outbox, take_in
from certify.ledger.recording import Recording
from certify.ledger.store import Ledger
from certify.model.result import Result
from certify.publish.recorder import Recorder
from certify.util.signals import interruptible
from tests.factories import NOW, a_certificate, digest
from tests.support.forks import FORKS
from tests.support.postgresql import Server
from tests.support.waiting import eventually


def numbered(number: int) -> Result:
    return a_certificate(image={"reference": f"a:{number}", "digest": digest(number)})


def count(ledger: Ledger) -> int:
    return len(ledger.matrix_rows())


def test_results_are_recorded_in_order_and_leave_nothing_behind(
    ledger: Ledger, tmp_path: Path
) -> None:
    beside = Recording(ledger, tmp_path)
    for number in (3, 1, 2):
        beside.add(numbered(number))
    assert beside.finish() == []
    rows = sorted(ledger.matrix_rows(), key=lambda row: row.id)
    assert [row.reference for row in rows] == ["a:3", "a:1", "a:2"]
    assert not (tmp_path / FOLDER).exists()


def test_a_server_that_restarts_loses_nothing(postgresql_server: Server, tmp_path: Path) -> None:
    with Ledger.open(postgresql_server.new_schema()) as ledger:
        beside = Recording(ledger, tmp_path)
        beside.add(numbered(0))
        assert beside.finish() == []
        postgresql_server.stop()
        try:
            for number in (1, 2):
                beside.add(numbered(number))
        finally:
            postgresql_server.start()
        beside.add(numbered(3))
        assert beside.finish() == []
        assert count(ledger) == 4


def test_a_server_that_hangs_holds_up_nobody(postgresql_server: Server, tmp_path: Path) -> None:
    address = postgresql_server.new_schema()
    with Ledger.open(address) as ledger:
        beside = Recording(ledger, tmp_path)
        beside.add(numbered(0))
        assert beside.finish() == []
        with postgresql_server.frozen():
            begun = time.monotonic()
            for number in range(1, 9):
                beside.add(numbered(number))
            told = beside.finish(patience=0.5)
            assert time.monotonic() - begun < 10
            assert told[0] == "the ledger does not answer"
            assert "8 results wait in" in told[1]
        eventually(lambda: len(beside._waiting) == 7)  # what was sent is answered after all
    with Ledger.open(address) as ledger:
        (line,) = take_in(Outbox(tmp_path / FOLDER, ledger.name), ledger)
        assert "of an earlier command" in line
        assert count(ledger) == 9
        assert sum(len(ledger.history(f"a:{number}")) for number in range(9)) == 9, "none twice"


def test_a_file_that_is_locked_for_long_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(recording, "_LONGEST_PAUSE", 0.1)
    path = tmp_path / "certify.db"
    with Ledger.open(str(path)) as ledger:
        writer = sqlite3.connect(path, isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        beside = Recording(ledger, tmp_path)
        for number in range(4):
            beside.add(numbered(number))
        eventually(lambda: beside._trouble is not None)
        assert len(list((tmp_path / FOLDER).iterdir())) == 4
        threading.Thread(target=beside.finish).start()
        writer.execute("COMMIT")
        writer.close()
        eventually(lambda: count(ledger) == 4)
        assert beside.finish() == []


def test_a_result_that_no_ledger_takes_is_told_and_not_kept(tmp_path: Path) -> None:
    late = a_certificate(finished_at=NOW.replace(year=NOW.year + 1))
    with Ledger.open(str(tmp_path / "certify.db")) as ledger:
        beside = Recording(ledger, tmp_path)
        beside.add(late)
        beside.add(numbered(1))
        (told,) = beside.finish()
        assert "lies in the future" in told
        assert count(ledger) == 1
    assert not (tmp_path / FOLDER).exists()


def _wait(address: str, folder: Path, line: Connection, waits: str) -> None:
    with Ledger.open(address) as ledger, interruptible(), Recorder(ledger, folder) as recorder:
        line.send("open")
        line.recv()
        recorder.record(a_certificate())
        line.send("waiting")
        recorder.settle() if waits == "for the recorder" else ledger.matrix_rows()


@pytest.mark.parametrize("waits", ["for the recorder", "for a query"])
def test_an_interrupt_is_heard_while_a_server_hangs(
    postgresql_server: Server, tmp_path: Path, waits: str
) -> None:
    address = postgresql_server.new_schema()
    Ledger.open(address).close()
    line, theirs = FORKS.Pipe()
    process = FORKS.Process(target=_wait, args=(address, tmp_path, theirs, waits), daemon=True)
    process.start()
    theirs.close()
    assert line.recv() == "open"
    with postgresql_server.frozen():
        line.send("")
        assert line.recv() == "waiting"
        assert process.pid is not None
        os.kill(process.pid, signal.SIGINT)
        process.join(30)
    assert process.exitcode
