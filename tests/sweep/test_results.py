"""The results of a sweep: new ones, those in force, and reasons for those that are missing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from certify.certification.options import Options
from certify.judge.profiles import load
from certify.ledger.changes import SweepEntry
from certify.model.reference import Reference
from certify.model.result import Image, Result
from certify.model.result_key import ResultKey
from certify.model.terms import Status
from certify.sweep.plan import Item, ItemState, ResolvedImage
from certify.sweep.results import (
    ResultCollector,
    entries_to_compare,
    results_by_name,
)
from certify.sweep.units import Unit
from tests.factories import NOON, result_of

HOST, PLATFORM = "r.example", "linux/amd64"
PROFILES = {name: load(name) for name in ("plain", "devspace")}
HEX = "a" * 64
COLLECTOR = ResultCollector(PROFILES, Options())


def image(tag: str) -> ResolvedImage:
    return ResolvedImage(f"{HOST}/team/app:{tag}", "plain", PLATFORM, f"sha256:{HEX}", suite="1")


def item(tag: str, state: ItemState = ItemState.NEW, same_as: str | None = None) -> Item:
    return Item(image(tag), state, "reason", same_as=same_as and image(same_as).reference)


def result(tag: str, status: Status = Status.CERTIFIED) -> Result:
    made = result_of(1, NOON)
    reference = Reference.parse(f"{HOST}/team/app:{tag}")
    renamed = made.image.model_copy(update=reference.image_fields | {"platform": PLATFORM})
    verdict = made.verdict.model_copy(update={"status": status, "reasons": (), "grade": None})
    return made.model_copy(update={"image": renamed, "verdict": verdict, "profile": "plain"})


def key(tag: str) -> ResultKey:
    return image(tag).key


def unit(*tags: str) -> Unit:
    names = tuple((Reference.parse(f"{HOST}/team/app:{tag}"), "plain") for tag in tags)
    return Unit(names[0][0], PLATFORM, None, (PROFILES["plain"],), names)


def test_a_postponed_image_has_an_inconclusive_result_with_the_reason() -> None:
    found = COLLECTOR.postponed([unit("1", "2")])
    assert found.keys() == {key("1"), key("2")}
    for each in found.values():
        assert each.verdict.status is Status.INCONCLUSIVE
        assert "allows no more pulls for now" in each.verdict.reasons[0].text


def test_every_name_of_an_image_gets_its_result() -> None:
    found = results_by_name(unit("1", "2"), [result("1")])
    assert {each: named.image.reference for each, named in found.items()} == {
        key(tag): f"{HOST}/team/app:{tag}" for tag in "12"
    }


def test_another_name_of_a_certified_image_gets_the_result_in_force() -> None:
    requested: list[tuple[str | None, str]] = []

    def find_in_force(image: Image, profile: str) -> Result | None:
        requested.append((image.digest, profile))
        return result("known")

    items = [
        item("other", ItemState.SAME, same_as="known"),
        item("new", ItemState.SAME, same_as="1"),
    ]
    found = COLLECTOR.not_run(items, {key("new")}, find_in_force)
    assert {each.image.reference for each in found.values()} == {f"{HOST}/team/app:other"}
    assert requested == [(f"sha256:{HEX}", "plain")]


def test_an_image_that_could_not_be_resolved_is_inconclusive() -> None:
    items = [item("1", ItemState.UNRESOLVED), item("2", ItemState.FRESH)]
    ((found_key, found),) = COLLECTOR.not_run(items, (), lambda *_: None).items()
    assert found_key == key("1")
    assert found.verdict.status is Status.INCONCLUSIVE
    assert found.verdict.reasons[0].text == "reason"


@pytest.mark.parametrize(
    ("new", "in_force", "compared"),
    [
        (Status.REJECTED, Status.CERTIFIED, Status.REJECTED),
        (Status.INCONCLUSIVE, Status.CERTIFIED, Status.CERTIFIED),
        (Status.INCONCLUSIVE, None, Status.INCONCLUSIVE),
        (None, Status.REJECTED, Status.REJECTED),
        (None, None, None),
    ],
)
def test_an_inconclusive_result_is_no_change(
    new: Status | None, in_force: Status | None, compared: Status | None
) -> None:
    mine = {key("1"): result("1", new)} if new else {}
    known = {key("1"): result("1", in_force)} if in_force else {}
    found = entries_to_compare([key("1")], mine, known, [], lambda _: False)
    assert [each.status for each in found] == ([compared] if compared else [])


def test_an_image_that_was_left_out_has_not_vanished() -> None:
    before = [
        SweepEntry(f"{host}/team/app:1", PLATFORM, "plain", "sha256:aa", Status.CERTIFIED)
        for host in (HOST, "other.example")
    ]

    def left_out(image: SweepEntry) -> bool:
        return image.reference.startswith(HOST)

    assert entries_to_compare([], {}, {}, before, left_out) == before[:1]
    mine = {key("1"): result("1", Status.REJECTED)}
    (now,) = entries_to_compare([key("1")], mine, {}, before, left_out)
    assert now.status is Status.REJECTED
    assert replace(now, status=Status.CERTIFIED).key == before[0].key
