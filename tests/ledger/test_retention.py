"""What may go from a ledger: whatever goes, what stands does not change."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.ledger.store import Ledger
from certify.model.result import Image, Result
from certify.model.terms import Status
from tests.factories import NOW, a_certificate, digest

BEGUN = NOW - timedelta(days=300)
FEWER = settings(max_examples=settings().max_examples * 2 // 5, deadline=None, derandomize=True)
"""Each example is a ledger of its own; `make test-slow` tries hundreds."""


def result(name: str, image: int | None, status: Status, day: int = 0, **more: Any) -> Result:
    """A result of some day; an image of None could not be found."""
    fields = {
        "reference": name, "tag": name,
        "digest": image and digest(image),
        "manifest_digest": image and digest(image),
        "image_id": image and digest(100 + image),
    } | more  # fmt: skip
    return a_certificate(
        image=fields, status=status, started_at=BEGUN + timedelta(days=day),
        finished_at=BEGUN + timedelta(days=day), expires_at=NOW + timedelta(days=30),
    )  # fmt: skip


CERTIFIED, REJECTED, INCONCLUSIVE = Status.CERTIFIED, Status.REJECTED, Status.INCONCLUSIVE


@st.composite
def histories(draw: st.DrawFn) -> list[Result]:
    """Some results of two names and three images, in the order of recording."""
    found = []
    for day in range(draw(st.integers(0, 9))):
        status = draw(st.sampled_from([CERTIFIED, REJECTED, INCONCLUSIVE]))
        image = draw(st.sampled_from([1, 2, 3, *([None] if status is INCONCLUSIVE else [])]))
        local = draw(st.booleans())  # such an image has an ID alone
        more = {"digest": None, "manifest_digest": None} if local else {}
        unpulled = status is INCONCLUSIVE and draw(st.booleans())
        more |= {"image_id": None} if unpulled else {}
        found.append(result(draw(st.sampled_from(["a", "b"])), image, status, day, **more))
    return found


def standing(ledger: Ledger) -> list[tuple[Any, ...]]:
    return [
        (row, each.verdict.status) for row, each in ledger.recorded_results(ledger.matrix_rows())
    ]


def in_force(ledger: Ledger, image: int) -> Status | None:
    found = Image(
        reference="x", platform="linux/amd64", digest=digest(image), image_id=digest(100 + image)
    )
    known = ledger.result_in_force(found, "plain", NOW)
    return known.verdict.status if known else None


@FEWER
@given(
    results=histories(),
    keep=st.none() | st.integers(1, 3),
    age=st.none() | st.integers(290, 301),
)
def test_pruning_changes_nothing_that_stands(
    results: list[Result], keep: int | None, age: int | None
) -> None:
    before = None if age is None else NOW - timedelta(days=age)
    with Ledger.open("sqlite://") as ledger:
        for each in results:
            ledger.record(each)
        rows, known = standing(ledger), [in_force(ledger, number) for number in (1, 2, 3)]
        count = ledger.retention.prune(keep, before, dry_run=True)
        assert standing(ledger) == rows
        assert ledger.retention.prune(keep, before) == count
        assert standing(ledger) == rows
        for number, status in zip((1, 2, 3), known, strict=True):
            assert in_force(ledger, number) in (status, None)
        assert ledger.retention.prune(keep, before)[1] == count[1]


@FEWER
@given(results=histories())
def test_forgetting_one_name_changes_nothing_for_others(results: list[Result]) -> None:
    with Ledger.open("sqlite://") as ledger:
        for each in results:
            ledger.record(each)
        rows = [row for row in standing(ledger) if row[0].reference != "a"]
        known = [in_force(ledger, number) for number in (1, 2, 3)]
        count, depends = ledger.retention.forget(["a"])
        if depends:
            assert depends == ["b"]
            assert len(ledger.history("a")) == count
        else:
            assert ledger.history("a") == []
            assert standing(ledger) == rows
            for number, status in zip((1, 2, 3), known, strict=True):
                assert in_force(ledger, number) in (status, None)


def test_the_last_of_each_name_are_kept(ledger: Ledger) -> None:
    for day in range(6):
        ledger.record(result("a", 1, CERTIFIED, day))
        ledger.record(result("b", 2, REJECTED, day))
    assert ledger.retention.prune(2, None, dry_run=True) == (8, 4)
    assert len(ledger.history("a")) == 6
    assert ledger.retention.prune(2, None) == (8, 4)
    assert [each.finished_at for each in ledger.history("a")] == [
        BEGUN + timedelta(days=day) for day in (5, 4)
    ]


def test_only_what_is_old_goes(ledger: Ledger) -> None:
    for day in (0, 100, 200):
        ledger.record(result("a", 1, CERTIFIED, day))
    before = BEGUN + timedelta(days=150)
    assert ledger.retention.prune(2, before) == (1, 2)
    assert ledger.retention.prune(None, before) == (1, 1)
    assert ledger.retention.prune(None, NOW) == (0, 1), "the last one stands, however old"


def test_an_image_that_no_tag_leads_to_goes_as_a_whole(ledger: Ledger) -> None:
    ledger.record(result("a", 1, CERTIFIED, 1))
    ledger.record(result("a", 1, REJECTED, 2))
    ledger.record(result("a", 2, CERTIFIED, 3))
    assert ledger.retention.prune(None, BEGUN + timedelta(days=1, hours=1)) == (1, 2)
    assert ledger.retention.prune(1, None) == (1, 1)


@pytest.fixture
def two_names(ledger: Ledger) -> Ledger:
    """A rejection under one name that stands for another name of the same image."""
    ledger.record(result("old", 1, CERTIFIED, 1))
    ledger.record(result("new", 1, REJECTED, 2))
    return ledger


def test_a_rejection_is_not_forgotten_while_it_stands_for_another_name(two_names: Ledger) -> None:
    assert two_names.retention.forget(["new"]) == (1, ["old"])
    assert [row.status for row in two_names.matrix_rows()] == [REJECTED, REJECTED]
    assert two_names.retention.forget(["new", "old"]) == (2, [])
    assert two_names.matrix_rows() == []


def test_a_name_without_the_last_word_is_forgotten(two_names: Ledger) -> None:
    assert two_names.retention.forget(["old"], dry_run=True) == (1, [])
    assert two_names.retention.forget(["old"]) == (1, [])
    assert [row.reference for row in two_names.matrix_rows()] == ["new"]


def test_names_that_never_led_to_an_image_are_forgotten(ledger: Ledger) -> None:
    for name, number in (("typo", None), ("gone", 1), ("gone", None), ("kept", None)):
        ledger.record(result(name, number, INCONCLUSIVE))
    ledger.retention.forget_never_found({"typo", "gone", "nothing"})
    assert [len(ledger.history(each)) for each in ("typo", "gone", "kept")] == [0, 2, 1]
