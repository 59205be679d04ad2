"""One sweep at a time: who is at work, who is gone, and of whom nobody can tell."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, event, select, update

from certify.ledger import sweeps as module
from certify.ledger.changes import Swept
from certify.ledger.schema import beats_table, sweeps_table
from certify.ledger.store import Ledger
from certify.model.errors import BadLedger, SweepRunning
from certify.model.terms import Status

OWNER = "machine/42/100"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(str(tmp_path / "certify.db")) as found:
        yield found


def unknown(_owner: str) -> None:
    """Another machine: nobody can tell."""


def owners(ledger: Ledger) -> list[str]:
    with ledger._engine.connect() as connection:
        return list(connection.scalars(select(sweeps_table.c.owner)))


def beats(ledger: Ledger) -> list[datetime]:
    with ledger._engine.connect() as connection:
        return list(connection.scalars(select(beats_table.c.at)))


def test_who_begins_first_locks_what_there_is_one_of(ledger: Ledger) -> None:
    """A server lets two rows be inserted at once; neither would then see the other."""
    said: list[str] = []
    event.listen(ledger._engine, "before_cursor_execute", lambda *told: said.append(told[2]))
    ledger.sweeps.begin("nightly.txt", OWNER, unknown)
    begun = said.index("UPDATE certify_schema SET version=certify_schema.version")
    assert begun < next(n for n, each in enumerate(said) if each.startswith("INSERT"))


@pytest.mark.parametrize("gone", [False, None])
def test_one_that_is_at_work_is_said(ledger: Ledger, gone: bool | None) -> None:
    ledger.sweeps.begin("nightly.txt", OWNER, lambda _: gone)
    with pytest.raises(SweepRunning, match=r"nightly\.txt has been running .*\(process 42\)"):
        ledger.sweeps.begin("nightly.txt", "machine/43/101", lambda _: gone)
    assert owners(ledger) == [OWNER]
    assert len(beats(ledger)) == 1


def test_one_that_was_killed_gives_way(ledger: Ledger) -> None:
    ledger.sweeps.begin("nightly.txt", OWNER, unknown)
    ledger.sweeps.begin("nightly.txt", "machine/43/101", lambda _: True)
    assert owners(ledger) == ["machine/43/101"]
    assert len(beats(ledger)) == 1


@pytest.mark.parametrize("beating", [True, False], ids=["silent", "of an older certify"])
def test_one_of_another_machine_gives_way_once_it_is_silent(ledger: Ledger, beating: bool) -> None:
    ledger.sweeps.begin("nightly.txt", OWNER, unknown)
    long_ago = datetime.now(UTC) - module.SILENT - timedelta(seconds=1)
    with ledger._engine.begin() as connection:
        if beating:
            connection.execute(update(beats_table).values(at=long_ago))
        else:
            connection.execute(delete(beats_table))
            connection.execute(update(sweeps_table).values(started_at=long_ago))
    ledger.sweeps.begin("nightly.txt", "other/1/1", unknown)
    assert owners(ledger) == ["other/1/1"]


def test_one_says_that_it_is_at_work_until_its_end(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BEAT", timedelta(milliseconds=10))
    commits = threading.Semaphore(0)
    with ledger.sweeps.running("nightly.txt", OWNER, unknown):
        (first,) = beats(ledger)
        event.listen(ledger._engine, "commit", lambda _connection: commits.release())
        for _ in range(2):  # when the second one begins, the first has ended
            assert commits.acquire(timeout=20)
        (second,) = beats(ledger)
        assert second > first
    assert (owners(ledger), beats(ledger)) == ([], [])


def test_what_is_finished_stays(ledger: Ledger) -> None:
    with ledger.sweeps.running("nightly.txt", OWNER, unknown) as number:
        ledger.sweeps.finish(number, [])
    assert [each.id for each in ledger.sweeps.last(2)] == [number]
    assert beats(ledger) == []


def test_one_that_was_wrongly_taken_to_be_gone_ends_in_peace(ledger: Ledger) -> None:
    found = Swept("app:1", "linux/amd64", "plain", "sha256:aa", Status.CERTIFIED)
    with ledger.sweeps.running("nightly.txt", OWNER, unknown) as number:
        with ledger.sweeps.running("nightly.txt", "other/1/1", lambda _: True) as other:
            ledger.sweeps.finish(number, [found])
            ledger.sweeps.finish(other, [found])
    assert [each.id for each in ledger.sweeps.last(2)] == [other]


def test_what_is_broken_off_is_not_remembered(ledger: Ledger) -> None:
    with pytest.raises(KeyboardInterrupt), ledger.sweeps.running("nightly.txt", OWNER, unknown):
        raise KeyboardInterrupt
    assert (owners(ledger), ledger.sweeps.last(1)) == ([], [])


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), BadLedger("the disk is full")], ids=repr)
def test_a_ledger_that_fails_hides_nothing_of_what_ended_a_sweep(
    ledger: Ledger, tmp_path: Path, ending: BaseException
) -> None:
    with (
        pytest.raises(type(ending)) as raised,
        ledger.sweeps.running("nightly.txt", OWNER, unknown),
    ):
        (tmp_path / "certify.db").write_bytes(b"this is no database any more" * 1000)
        raise ending
    assert raised.value is ending
