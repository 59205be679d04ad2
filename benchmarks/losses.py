"""How many results are lost while a database restarts, stands still, is locked or is full."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import event

from certify.ledger.outbox import FOLDER, Outbox, take_in
from certify.ledger.recording import Recording
from certify.ledger.store import Ledger
from tests.factories import NOON, result_of
from tests.support import postgresql
from tests.support.postgresql import Server

RESULTS = 8
SECONDS = 40.0
"""The time for which a database is locked or stands still: longer than one attempt waits."""


def section_rows(folder: Path) -> dict[str, int]:
    """Return the number of results that are lost, by what happens."""
    with postgresql.running() as server:
        assert server is not None, "PostgreSQL is not installed"
        happenings: dict[str, tuple[str, Callable[[], object]]] = {
            "PostgreSQL restarts": (server.new_schema(), lambda: _restart(server)),
            "PostgreSQL stands still": (server.new_schema(), lambda: _freeze(server)),
            "SQLite is locked": (
                str(folder / "locked.db"), lambda: _lock(folder / "locked.db"),
            ),
        }  # fmt: skip
        found = {
            what: _lost(url, folder / f"r{number}", happening)
            for number, (what, (url, happening)) in enumerate(happenings.items())
        }
    return found | {"the disk is full": _lost_on_full_disk(folder)}


def _lost(url: str, folder: Path, happening: Callable[[], object]) -> int:
    with Ledger.open(url) as ledger:
        recording = Recording(ledger, folder)
        beside = threading.Thread(target=happening)
        for number in range(RESULTS):
            recording.add(result_of(number, NOON))
            if number == 1:
                beside.start()
            time.sleep(0.2)
        recording.finish()
        beside.join()
    return RESULTS - _recorded(url, folder)


def _lost_on_full_disk(folder: Path) -> int:
    url = str(folder / "full.db")
    with Ledger.open(url) as ledger:
        ledger.record(result_of(99, NOON))
        with _full(ledger):
            recording = Recording(ledger, folder / "full")
            for number in range(RESULTS):
                recording.add(result_of(number, NOON))
            recording.finish()
    return RESULTS + 1 - _recorded(url, folder / "full")


def _recorded(url: str, folder: Path) -> int:
    """Return how many results there are once the next command has opened the ledger."""
    with Ledger.open(url) as ledger:
        list(take_in(Outbox(folder / FOLDER, ledger.name), ledger))
        return sum(1 for _ in ledger.recent(1))


def _restart(server: Server) -> None:
    server.stop()
    server.start()


def _freeze(server: Server) -> None:
    with server.frozen():
        time.sleep(SECONDS)


def _lock(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    time.sleep(SECONDS)
    connection.execute("ROLLBACK")
    connection.close()


@contextmanager
def _full(ledger: Ledger) -> Iterator[None]:
    engine = ledger._database.engine
    with ledger._database.reading() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()

    def limit(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    engine.dispose()
    event.listen(engine, "connect", limit)
    yield
    event.remove(engine, "connect", limit)
