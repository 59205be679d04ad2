"""Sweeps of several lists at once, as real processes on one ledger of each kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, update

from certify.ledger.schema import beats_table, claims_table, results_table, sweeps_table
from certify.ledger.store import Ledger
from certify.ledger.sweeps import SILENCE_LIMIT
from tests.factories import digest
from tests.support.leader import Leader
from tests.support.waiting import eventually


def certified(folder: Path) -> Counter[str]:
    """How often each image was certified."""
    return Counter(line.split()[1] for line in (folder / "ran").read_text().splitlines())


@contextmanager
def changing(ledger_url: str) -> Iterator[Connection]:
    with Ledger.open(ledger_url) as ledger, ledger._database.writing() as connection:
        yield connection


def recorded(ledger_url: str) -> list[str]:
    with Ledger.open(ledger_url) as ledger, ledger._database.reading() as connection:
        assert connection.execute(select(claims_table)).all() == [], "no claim is left"
        return sorted(connection.scalars(select(results_table.c.reference)))


def test_four_sweeps_of_disjoint_and_overlapping_lists_certify_each_image_once(
    ledger_url: str, tmp_path: Path
) -> None:
    Ledger.open(ledger_url).close()
    lists = {"a": range(20), "b": range(19, -1, -1), "c": range(10, 30), "d": range(30, 40)}
    # So slow that none is through before the others have begun.
    leaders = {
        name: Leader(ledger_url, name, tmp_path, images, seconds=0.1)
        for name, images in lists.items()
    }
    said = {name: leader.ended() for name, leader in leaders.items()}
    assert certified(tmp_path) == {digest(number): 1 for number in range(40)}
    assert recorded(ledger_url) == sorted(f"r.example/app:{number}" for number in range(40))
    told = 0
    for name, images in lists.items():
        out, err = said[name]
        told += (count := err.count("certified by another sweep meanwhile"))
        assert f"{len(images)} results, " in out
        assert f", {count} elsewhere" in out
    assert told > 0


@pytest.mark.parametrize("same_machine", [True, False])
def test_what_a_killed_leader_had_claimed_is_certified_by_another(
    ledger_url: str, tmp_path: Path, *, same_machine: bool
) -> None:
    Ledger.open(ledger_url).close()
    killed = Leader(ledger_url, "a", tmp_path, range(6), seconds=30)
    eventually(lambda: (tmp_path / "ran").exists() and len(certified(tmp_path)) == 2)
    other = Leader(ledger_url, "b", tmp_path, range(6))
    with ExitStack() as stack:
        for each in (killed, other):
            stack.callback(each.kill)
        eventually(lambda: "that a sweep of a certifies now" in other.told)
        if same_machine:
            killed.kill()
        else:  # where nobody can look the process up, its silence counts
            of_killed = select(sweeps_table.c.id).where(sweeps_table.c.source == "a")
            with changing(ledger_url) as connection:
                connection.execute(update(sweeps_table).values(owner="elsewhere/1/1").where(
                    sweeps_table.c.id.in_(of_killed)
                ))  # fmt: skip
            killed.kill()
            with changing(ledger_url) as connection:
                mine = beats_table.c.sweep.in_(of_killed)
                (at,) = connection.scalars(select(beats_table.c.at).where(mine))
                silent = at - SILENCE_LIMIT - timedelta(seconds=1)
                connection.execute(update(beats_table).where(mine).values(at=silent))
        assert other.ended()[0].startswith("6 results, 6 new, 0 elsewhere")
    again = {digest(0), digest(1)}
    assert certified(tmp_path) == {digest(n): 1 + (digest(n) in again) for n in range(6)}
    assert recorded(ledger_url) == [f"r.example/app:{number}" for number in range(6)]
