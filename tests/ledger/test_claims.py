"""Claims on images: one sweep has an image at a time, until it is recorded or the sweep is over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from certify.ledger.claims import Answer
from certify.ledger.schema import beats_table
from certify.ledger.store import Ledger
from certify.ledger.sweeps import SILENCE_LIMIT
from certify.model.result import Suite
from certify.model.subject import Subject
from certify.model.terms import Status
from tests.factories import HOST, NOW, a_result, digest


def subject(number: int, profile: str = "plain") -> Subject:
    return Subject(digest(number), "linux/amd64", profile, "1", HOST.kind)


def record(ledger: Ledger, number: int, *, status: Status = Status.CERTIFIED) -> None:
    image = {"reference": "other:1", "digest": digest(number), "platform": "linux/amd64"}
    ledger.record(
        a_result(
            image=image, profile="plain", host=HOST, moment=NOW, status=status,
            suite=Suite(version="1", digest="1"),
        )
    )  # fmt: skip


def take(
    ledger: Ledger, sweep: int, *images: Sequence[Subject], most: int = 9, since: int = 0
) -> list[Answer]:
    return ledger.claims.take(sweep, images, most, since, lambda owner: owner == "dead/1/1")


@pytest.fixture
def sweeps(ledger: Ledger) -> tuple[int, int]:
    """The numbers of two sweeps that run."""
    first, second = (ledger.sweeps.begin(n, "me/1/1", lambda _: False) for n in ("a", "b"))
    return first, second


def test_an_image_is_claimed_until_it_is_released(ledger: Ledger, sweeps: tuple[int, int]) -> None:
    first, second = sweeps
    assert take(ledger, first, [subject(1)], [subject(2)]) == [Answer()] * 2
    assert take(ledger, second, [subject(1)], [subject(3)]) == [Answer("a"), Answer()]
    other = subject(1)._replace(host_class="another"), subject(1, "devspace")
    assert take(ledger, second, *([each] for each in other)) == [Answer()] * 2
    ledger.claims.release(first, [subject(1)])
    assert take(ledger, second, [subject(1)], [subject(2)]) == [Answer(), Answer("a")]


def test_no_more_is_claimed_than_is_wanted(ledger: Ledger, sweeps: tuple[int, int]) -> None:
    first, second = sweeps
    images = [[subject(number)] for number in range(5)]
    assert len(take(ledger, first, *images, most=2)) == 2
    assert take(ledger, second, *images, most=2) == [Answer("a")] * 2 + [Answer()] * 2


def test_all_profiles_of_an_image_are_claimed_or_none(
    ledger: Ledger, sweeps: tuple[int, int]
) -> None:
    first, second = sweeps
    take(ledger, first, [subject(1)])
    assert take(ledger, second, [subject(1), subject(1, "devspace")]) == [Answer("a")]
    assert take(ledger, first, [subject(1, "devspace")]) == [Answer()]


def test_what_was_recorded_meanwhile_is_not_claimed(
    ledger: Ledger, sweeps: tuple[int, int]
) -> None:
    record(ledger, 1)
    planned = ledger.claims.newest()
    image = [subject(1), subject(1, "devspace")]
    assert take(ledger, sweeps[0], image, since=planned) == [Answer()], "forced"
    record(ledger, 1, status=Status.INCONCLUSIVE)
    assert take(ledger, sweeps[0], image, since=planned) == [Answer()], "it says nothing"
    ledger.sweeps.abandon(sweeps[0])
    record(ledger, 1, status=Status.REJECTED)
    found = Answer(recorded={"plain": frozenset({"other:1"})})
    assert take(ledger, sweeps[1], image, since=planned) == [found]
    assert take(ledger, sweeps[1], [subject(1, "devspace")]) == [Answer()]


def test_a_stopped_process_keeps_no_image(ledger: Ledger, sweeps: tuple[int, int]) -> None:
    first, second = sweeps
    take(ledger, first, [subject(1)])
    mine = beats_table.c.sweep == first
    for silence, holder in (timedelta(seconds=-9), "a"), (timedelta(seconds=9), ""):
        at = datetime.now(UTC) - SILENCE_LIMIT - silence
        with ledger._database.engine.begin() as connection:
            connection.execute(update(beats_table).where(mine).values(at=at))
        assert take(ledger, second, [subject(1)]) == [Answer(holder)]
    ledger.claims.release(first, [subject(1)])  # it goes on
    assert take(ledger, first, [subject(1)]) == [Answer("b")]
    ledger.sweeps.finish(first, [])
    assert [each.source for each in ledger.sweeps.finished(9)] == ["a"]


@pytest.mark.parametrize("end", ["dead", "finished", "abandoned"])
def test_the_claims_of_a_sweep_end_with_it(ledger: Ledger, end: str) -> None:
    owner = "dead/1/1" if end == "dead" else "me/1/1"
    with ledger.sweeps.running("a", owner, lambda _: False) as first:
        second = ledger.sweeps.begin("b", "me/1/1", lambda _: False)
        take(ledger, first, [subject(1)])
        if end == "dead":
            assert take(ledger, second, [subject(1)]) == [Answer()]
        elif end == "finished":
            ledger.sweeps.finish(first, [])
            assert take(ledger, second, [subject(1)]) == [Answer()]
    if end == "abandoned":
        assert take(ledger, second, [subject(1)]) == [Answer()]
