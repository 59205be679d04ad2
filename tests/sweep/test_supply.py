"""Units are handed out once they are claimed, whatever the ledger does."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, cast

import pytest

from certify.judge.profiles import load
from certify.ledger.claims import Answer
from certify.ledger.store import Ledger
from certify.model.errors import LedgerUnavailable
from certify.model.reference import Reference
from certify.model.result_key import ResultKey
from certify.model.subject import Subject
from certify.publish.recorder import Recorder
from certify.sweep import supply as module
from certify.sweep.supply import Claimant, Supply
from certify.sweep.units import Unit

PROFILES = ("plain", "devspace")
PLATFORM = "linux/amd64"


def unit(number: int) -> Unit:
    name = Reference.parse(f"r.example/app:{number}")
    return Unit(
        name, PLATFORM, None, tuple(map(load, PROFILES)), tuple((name, each) for each in PROFILES),
        subjects=tuple(Subject(str(number), PLATFORM, each, "1", "") for each in PROFILES),
    )  # fmt: skip


class FakeClaimant:
    """Answers as it is told."""

    def __init__(self, *answers: Answer | LedgerUnavailable) -> None:
        self.answers = list(answers)
        self.released: list[Unit] = []
        self.may_answer = threading.Event()
        self.may_answer.set()

    def take(self, _: Iterable[Unit], most: int) -> list[Answer]:
        self.may_answer.wait(20)
        answer = self.answers.pop(0) if self.answers else Answer()
        if isinstance(answer, LedgerUnavailable):
            raise answer
        return [answer]

    def release(self, given: Unit) -> None:
        self.released.append(given)


class Told:
    def __init__(self) -> None:
        self.done: list[tuple[str, list[str]]] = []
        self.waiting: list[tuple[int, list[str]]] = []

    def elsewhere(self, unit: Unit) -> None:
        self.done.append((str(unit.reference.tag), [each.name for each in unit.profiles]))

    def waits(self, count: int, holders: Collection[str]) -> None:
        self.waiting.append((count, sorted(holders)))


def all_of(supply: Supply) -> list[Unit]:
    found = []
    while supply:
        if (one := supply.next()) is None:
            supply.wait(1)
        else:
            found.append(one)
    return found


@pytest.fixture(autouse=True)
def haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.01)


def a_supply(claimant: FakeClaimant, count: int, told: Told | None = None) -> Supply:
    return Supply([*map(unit, range(count))], cast(Claimant, claimant), told)


def test_what_another_sweep_has_comes_last() -> None:
    told = Told()
    held = Answer("other.txt")
    with a_supply(FakeClaimant(held, Answer(), held, held), 2, told) as supply:
        assert [str(each.reference.tag) for each in all_of(supply)] == ["1", "0"]
    assert told.waiting == [(1, ["other.txt"])], "once"
    assert told.done == []


def test_only_what_others_have_not_recorded_is_left_of_a_unit() -> None:
    told = Told()
    names = frozenset({"r.example/app:0"})
    claimant = FakeClaimant(
        Answer(recorded={"plain": names}),
        Answer(recorded=dict.fromkeys(PROFILES, frozenset({"b"}))),
    )
    with a_supply(claimant, 2, told) as supply:
        (left,) = all_of(supply)
    assert [each.name for each in left.profiles] == ["devspace"]
    assert {profile for _, profile in left.names} == {"devspace"}
    assert {each.profile for each in left.subjects} == {"devspace"}
    assert told.done == [("0", ["plain"]), ("1", list(PROFILES))]
    first = ResultKey("r.example/app:0", PLATFORM, "plain")
    assert supply.recorded == {first}
    assert supply.elsewhere - supply.recorded == {
        ResultKey("r.example/app:1", PLATFORM, each) for each in PROFILES
    }


def test_a_ledger_that_fails_holds_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_supply(FakeClaimant(LedgerUnavailable("the disk is full")), 3) as supply:
        assert len(all_of(supply)) == 3


def test_a_ledger_that_does_not_answer_holds_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    claimant = FakeClaimant()
    claimant.may_answer.clear()
    with a_supply(claimant, 3) as supply:
        assert len(all_of(supply)) == 3
        claimant.may_answer.set()
        supply._thread.join(0.5)
    assert [str(each.reference.tag) for each in claimant.released] == ["0"], "claimed too late"


def test_what_is_left_can_be_given_up() -> None:
    with a_supply(FakeClaimant(Answer("other.txt"), Answer()), 3) as supply:
        assert supply.next() is not None or supply.next() is not None
        assert len(supply.rest()) == 2
        assert not supply
        assert supply.next() is None


def test_a_claim_ends_once_all_results_before_are_recorded(tmp_path: Path) -> None:
    done: list[Any] = []
    with Ledger.open(str(tmp_path / "certify.db")) as ledger:
        with Recorder(ledger, tmp_path) as recorder:
            number = ledger.sweeps.begin("a", "me/1/1", lambda _: False)
            claimant = Claimant(recorder, number, 0, lambda _: False)
            assert claimant.take([unit(1)], 1) == [Answer()]
            claimant.release(unit(1))
            recorder.once_recorded(lambda: done.append(ledger.claims.newest()))
        assert done == [0]
        other = ledger.sweeps.begin("b", "me/2/1", lambda _: False)
        assert ledger.claims.take(other, [unit(1).subjects], 1, 0, lambda _: False) == [Answer()]
