"""Sweeps of several lists at once, as real processes on one ledger of each kind."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from certify.ledger.schema import beats_table, claims_table, results_table, sweeps_table
from certify.ledger.store import Ledger
from certify.ledger.sweeps import SILENCE_LIMIT
from tests.factories import digest
from tests.support import postgresql
from tests.support.postgresql import Server
from tests.support.waiting import eventually

Leader = subprocess.Popen[str]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgresql.running_or_skip() as found:
        yield found


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "SQLite":
        return str(tmp_path / "certify.db")
    found: Server = request.getfixturevalue("server")
    return found.new_schema()


def lead(
    url: str, listing: str, folder: Path, images: Iterable[int], *, seconds: float = 0.02
) -> Leader:
    command = [sys.executable, "-m", "tests.support.leader", url, listing, str(folder)]
    return subprocess.Popen(
        [*command, str(seconds), "2", *map(str, images)],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def ended(leader: Leader) -> tuple[str, str]:
    """What a sweep that ended well printed."""
    out, err = leader.communicate(timeout=60)
    assert leader.returncode == 0, err
    return out, err


def certified(folder: Path) -> Counter[str]:
    """How often each image was certified."""
    return Counter(line.split()[1] for line in (folder / "ran").read_text().splitlines())


def recorded(url: str) -> list[str]:
    with Ledger.open(url) as ledger, ledger._database.reading() as connection:
        assert connection.execute(select(claims_table)).all() == [], "no claim is left"
        return sorted(connection.scalars(select(results_table.c.reference)))


def test_four_sweeps_of_disjoint_and_overlapping_lists_certify_each_image_once(
    url: str, tmp_path: Path
) -> None:
    Ledger.open(url).close()
    lists = {"a": range(40), "b": range(39, -1, -1), "c": range(20, 60), "d": range(60, 80)}
    leaders = {name: lead(url, name, tmp_path, images) for name, images in lists.items()}
    said = {name: ended(leader) for name, leader in leaders.items()}
    assert certified(tmp_path) == {digest(number): 1 for number in range(80)}
    assert recorded(url) == sorted(f"r.example/app:{number}" for number in range(80))
    told = 0
    for name, images in lists.items():
        out, err = said[name]
        told += (count := err.count("certified by another sweep meanwhile"))
        assert f"{len(images)} results, " in out
        assert f", {count} elsewhere" in out
    assert told > 0


@pytest.mark.parametrize("same_machine", [True, False])
def test_what_a_killed_leader_had_claimed_is_certified_by_another(
    url: str, tmp_path: Path, *, same_machine: bool
) -> None:
    Ledger.open(url).close()
    killed = lead(url, "a", tmp_path, range(6), seconds=30)
    eventually(lambda: (tmp_path / "ran").exists() and len(certified(tmp_path)) == 2)
    other = lead(url, "b", tmp_path, range(6))
    with ExitStack() as stack:
        stack.callback(other.kill)
        assert other.stderr
        lines = iter(other.stderr.readline, "")
        assert any("that a sweep of a certifies now" in each for each in lines)
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
        if not same_machine:  # where nobody can look the process up, its silence counts
            with Ledger.open(url) as ledger, ledger._database.writing() as connection:
                mine = sweeps_table.c.source == "a"
                connection.execute(
                    update(sweeps_table).where(mine).values(owner="elsewhere/1/1")
                )  # fmt: skip
                (at,) = connection.scalars(
                    select(beats_table.c.at).join(
                        sweeps_table, sweeps_table.c.id == beats_table.c.sweep
                    ).where(mine)
                )  # fmt: skip
                connection.execute(update(beats_table).where(beats_table.c.at == at).values(
                    at=at - SILENCE_LIMIT - timedelta(seconds=1)
                ))  # fmt: skip
        assert ended(other)[0].startswith("6 results, 6 new, 0 elsewhere")
    again = {digest(0), digest(1)}
    assert certified(tmp_path) == {digest(n): 1 + (digest(n) in again) for n in range(6)}
    assert recorded(url) == [f"r.example/app:{number}" for number in range(6)]
