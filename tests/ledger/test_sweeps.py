"""Sweeps in a ledger: one of a list at a time, until its process has ended or is silent."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, event, select, update

from certify.ledger import sweeps as module
from certify.ledger.changes import SweepEntry
from certify.ledger.schema import beats_table, sweeps_table
from certify.ledger.store import Ledger
from certify.model.errors import LedgerUnavailable, SweepRunning
from certify.model.terms import Status

OWNER = "machine/42/100"


def unknown(_owner: str) -> None:
    """Answer as for a process on another machine."""


def owners(ledger: Ledger) -> list[str]:
    with ledger._database.engine.connect() as connection:
        return list(connection.scalars(select(sweeps_table.c.owner)))


def beats(ledger: Ledger) -> list[datetime]:
    with ledger._database.engine.connect() as connection:
        return list(connection.scalars(select(beats_table.c.at)))


def test_a_sweep_locks_the_ledger_before_it_inserts(ledger: Ledger) -> None:
    """On a server two sweeps could each insert a row without seeing the other's."""
    statements: list[str] = []
    event.listen(
        ledger._database.engine, "before_cursor_execute", lambda *event: statements.append(event[2])
    )
    ledger.sweeps.begin("nightly.txt", OWNER, unknown)
    locked = statements.index("UPDATE certify_schema SET version=certify_schema.version")
    assert locked < next(n for n, each in enumerate(statements) if each.startswith("INSERT"))


@pytest.mark.parametrize("dead", [False, None])
def test_a_second_sweep_is_refused(ledger: Ledger, dead: bool | None) -> None:
    ledger.sweeps.begin("nightly.txt", OWNER, lambda _: dead)
    with pytest.raises(SweepRunning, match=r"nightly\.txt has been running .*\(process 42\)"):
        ledger.sweeps.begin("nightly.txt", "machine/43/101", lambda _: dead)
    assert owners(ledger) == [OWNER]
    assert len(beats(ledger)) == 1


def test_the_newest_of_several_names_is_found(ledger: Ledger) -> None:
    for source, shard in (("a", ""), ("b", "1/2"), ("c", "")):
        ledger.sweeps.begin(source, OWNER, unknown, shard)
    assert ledger.sweeps.newest_name(["a", "x"]) == "a"
    assert ledger.sweeps.newest_name(["b", "a"]) == "b", "a shard, and one that runs, count, too"
    assert ledger.sweeps.newest_name(["x"]) is None


def test_a_name_in_the_ledger_does_nothing_to_the_terminal(ledger: Ledger) -> None:
    ledger.sweeps.begin("a\x1b[2J", "machine/\x1b[31m7\n/1", unknown)
    with pytest.raises(SweepRunning, match=r"a sweep of a has been .* UTC \(process 7\)"):
        ledger.sweeps.begin("a\x1b[2J", OWNER, unknown)


@pytest.mark.parametrize(
    ("running", "beginning", "beside"),
    [
        (("l.txt", "1/2"), ("l.txt", "2/2"), True),
        (("l.txt", "1/2"), ("l.txt", "1/2"), False),
        (("l.txt", "1/2"), ("l.txt", ""), False),
        (("l.txt", ""), ("l.txt", "1/2"), False),
        (("l.txt", "1/2"), ("other.txt", "2/2"), True),
        (("l.txt", ""), ("other.txt", ""), True),
        (("l.txt", "1/2"), ("l.txt", module.JOINED), True),
    ],
)
def test_other_lists_and_other_shards_of_a_list_run_beside_each_other(
    ledger: Ledger, running: tuple[str, str], beginning: tuple[str, str], beside: bool
) -> None:
    begin = ledger.sweeps.begin
    begin(running[0], OWNER, unknown, running[1])
    if beside:
        begin(beginning[0], "machine/43/101", unknown, beginning[1])
    else:
        with pytest.raises(SweepRunning, match=module.name_of(*running)):
            begin(beginning[0], "machine/43/101", unknown, beginning[1])
    assert len(owners(ledger)) == 1 + beside


def test_a_sweep_of_the_list_takes_in_those_of_its_shards(ledger: Ledger) -> None:
    found = SweepEntry("app:1", "linux/amd64", "plain", "sha256:aa", Status.CERTIFIED)
    sweeps = ledger.sweeps
    for shard in ("1/2", "1/2", "2/2"):
        sweeps.finish(sweeps.begin("l.txt", OWNER, unknown, shard), [found])
    assert sorted(each.shard for each in sweeps.waiting()) == ["1/2", "2/2"], "the newest of each"
    assert sweeps.finished(9) == [], "a shard is no sweep of the list"
    number = sweeps.begin("l.txt", OWNER, unknown, module.JOINED)
    sweeps.finish(number, [found])
    assert sweeps.waiting() == []
    assert [each.id for each in sweeps.finished(9)] == [number]
    assert sweeps.entries(number) == [found]


def test_a_sweep_that_was_killed_is_removed(ledger: Ledger) -> None:
    ledger.sweeps.begin("nightly.txt", OWNER, unknown)
    ledger.sweeps.begin("nightly.txt", "machine/43/101", lambda _: True)
    assert owners(ledger) == ["machine/43/101"]
    assert len(beats(ledger)) == 1


@pytest.mark.parametrize("beating", [True, False], ids=["silent", "of an older certify"])
def test_a_silent_sweep_of_another_machine_is_removed(ledger: Ledger, beating: bool) -> None:
    ledger.sweeps.begin("nightly.txt", OWNER, unknown)
    long_ago = datetime.now(UTC) - module.SILENCE_LIMIT - timedelta(seconds=1)
    with ledger._database.engine.begin() as connection:
        if beating:
            connection.execute(update(beats_table).values(at=long_ago))
        else:
            connection.execute(delete(beats_table))
            connection.execute(update(sweeps_table).values(started_at=long_ago))
    ledger.sweeps.begin("nightly.txt", "other/1/1", unknown)
    assert owners(ledger) == ["other/1/1"]


def test_a_sweep_sends_heartbeats_until_its_end(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BEAT_INTERVAL", timedelta(milliseconds=10))
    commits = threading.Semaphore(0)
    with ledger.sweeps.running("nightly.txt", OWNER, unknown):
        (first,) = beats(ledger)
        event.listen(ledger._database.engine, "commit", lambda _connection: commits.release())
        for _ in range(2):  # when the second one begins, the first has ended
            assert commits.acquire(timeout=20)
        (second,) = beats(ledger)
        assert second > first
    assert (owners(ledger), beats(ledger)) == ([], [])


def test_a_finished_sweep_is_recorded(ledger: Ledger) -> None:
    with ledger.sweeps.running("nightly.txt", OWNER, unknown) as number:
        ledger.sweeps.finish(number, [])
    assert [each.id for each in ledger.sweeps.finished(2)] == [number]
    assert beats(ledger) == []


def test_a_running_sweep_that_was_removed_still_ends_without_an_error(ledger: Ledger) -> None:
    found = SweepEntry("app:1", "linux/amd64", "plain", "sha256:aa", Status.CERTIFIED)
    with ledger.sweeps.running("nightly.txt", OWNER, unknown) as number:
        with ledger.sweeps.running("nightly.txt", "other/1/1", lambda _: True) as other:
            ledger.sweeps.finish(number, [found])
            ledger.sweeps.finish(other, [found])
    assert [each.id for each in ledger.sweeps.finished(2)] == [other]


def test_a_sweep_that_is_broken_off_is_removed(ledger: Ledger) -> None:
    with pytest.raises(KeyboardInterrupt), ledger.sweeps.running("nightly.txt", OWNER, unknown):
        raise KeyboardInterrupt
    assert (owners(ledger), ledger.sweeps.finished(1)) == ([], [])


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), LedgerUnavailable("the disk is full")], ids=repr
)
def test_a_ledger_that_fails_does_not_hide_what_ended_a_sweep(
    ledger: Ledger, tmp_path: Path, error: BaseException
) -> None:
    with (
        pytest.raises(type(error)) as raised,
        ledger.sweeps.running("nightly.txt", OWNER, unknown),
    ):
        (tmp_path / "certify.db").write_bytes(b"no longer a database" * 1000)
        raise error
    assert raised.value is error


def test_a_shard_of_no_list_waits_for_nothing(ledger: Ledger) -> None:
    for shard in ("x", "1/2"):
        ledger.sweeps.finish(ledger.sweeps.begin("nightly.txt", OWNER, unknown, shard), [])
    assert [each.shard for each in ledger.sweeps.waiting()] == ["1/2"]
