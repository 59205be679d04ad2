"""What a sweep says of each image: its own answers, those that stand, and silence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from certify.certification.certify import Options
from certify.judge.profiles import load
from certify.ledger.changes import SweepEntry
from certify.model.errors import ImageUnavailable
from certify.model.reference import Reference
from certify.model.result import Image, Result
from certify.model.result_key import Key
from certify.model.terms import Fault, Status
from certify.sweep.expand import Unlisted
from certify.sweep.plan import Item, ItemState, Resolved
from certify.sweep.results import ResultsByKey, named, others, postponed, remembered, told
from certify.sweep.units import Unit, affordable, units
from tests.factories import NOON, result_of

HOST, PLATFORM = "r.example", "linux/amd64"
PROFILES = {name: load(name) for name in ("plain", "devspace")}
HEX = "a" * 64


def wanted(tag: str, profile: str = "plain", digest: str | None = f"sha256:{HEX}") -> Resolved:
    return Resolved(f"{HOST}/team/app:{tag}", profile, PLATFORM, digest, suite="1")


def item(
    tag: str, state: ItemState = ItemState.NEW, same_as: str | None = None, **more: str
) -> Item:
    name = same_as and wanted(same_as).reference
    return Item(wanted(tag, **more), state, "why", same_as=name)


def answer(tag: str, status: Status = Status.CERTIFIED, profile: str = "plain") -> Result:
    result = result_of(1, NOON)
    reference = Reference.parse(f"{HOST}/team/app:{tag}")
    image = result.image.model_copy(update=reference.image_fields | {"platform": PLATFORM})
    verdict = result.verdict.model_copy(update={"status": status, "reasons": (), "grade": None})
    return result.model_copy(update={"image": image, "verdict": verdict, "profile": profile})


def key(tag: str, profile: str = "plain") -> Key:
    return wanted(tag, profile).key


def unit(*tags: str, host: str = HOST) -> Unit:
    names = tuple((Reference.parse(f"{host}/team/app:{tag}"), "plain") for tag in tags)
    return Unit(names[0][0], PLATFORM, None, (PROFILES["plain"],), names)


# --------------------------------------------------------------------------- what is to be run


def test_one_unit_answers_for_all_names_and_profiles_of_an_image() -> None:
    items = [
        item("1"), item("1", profile="devspace"), item("same", ItemState.SAME, same_as="1"),
        item("2", digest=f"sha256:{'b' * 64}"), item("old", ItemState.FRESH),
    ]  # fmt: skip
    one, two = units(items, PROFILES, pull="missing", native=PLATFORM)
    assert str(one.reference).endswith(f"/team/app@sha256:{HEX}"), "it is pinned"
    assert [profile.name for profile in one.profiles] == ["plain", "devspace"]
    told_of = [(name.tag, profile) for name, profile in one.names]
    assert told_of == [("1", "plain"), ("1", "devspace"), ("same", "plain")]
    assert (one.asked, two.names[0][0].tag) == (None, "2")


def test_another_platform_than_the_engines_is_asked_for() -> None:
    (one,) = units([item("1")], PROFILES, pull="missing", native="linux/arm64")
    assert one.asked == PLATFORM


def test_what_is_not_to_be_pulled_goes_by_its_name() -> None:
    (one,) = units([item("1")], PROFILES, pull="never", native=PLATFORM)
    assert one.reference.tag == "1"


@pytest.mark.parametrize(
    ("allowed", "pull", "run"),
    [({}, "missing", 3), ({HOST: 6}, "missing", 3), ({HOST: 5}, "missing", 2),
     ({HOST: 1}, "missing", 0), ({HOST: 0}, "never", 3), ({"other.example": 0}, "missing", 3)],
)  # fmt: skip
def test_no_more_is_run_than_may_be_pulled(allowed: dict[str, int], pull: str, run: int) -> None:
    due = [unit(tag) for tag in "123"]
    now, later = affordable(due, allowed, pull=pull)
    assert (len(now), now + later) == (run, due)


def test_what_must_wait_says_why() -> None:
    found = postponed([unit("1", "2")], Options())
    assert found.keys() == {key("1"), key("2")}
    for result in found.values():
        assert result.verdict.status is Status.INCONCLUSIVE
        assert "allows no more pulls for now" in result.verdict.reasons[0].text


# ------------------------------------------------------------------------------ what is said


def test_an_answer_goes_to_every_name() -> None:
    found = named(unit("1", "2"), [answer("1")])
    assert {each: result.image.reference for each, result in found.items()} == {
        key(tag): f"{HOST}/team/app:{tag}" for tag in "12"
    }


def test_the_other_name_of_what_stands_gets_the_same_answer() -> None:
    asked: list[tuple[str | None, str]] = []

    def standing_for(image: Image, profile: str) -> Result | None:
        asked.append((image.digest, profile))
        return answer("known")

    items = [
        item("new", ItemState.SAME, same_as="known"),
        item("said", ItemState.SAME, same_as="1"),
    ]
    found = others(items, {key("said")}, PROFILES, Options(), standing_for)
    assert {each.image.reference for each in found.values()} == {f"{HOST}/team/app:new"}
    assert asked == [(f"sha256:{HEX}", "plain")]


def test_an_image_that_no_registry_tells_of_is_inconclusive() -> None:
    items = [item("1", ItemState.UNRESOLVED), item("2", ItemState.FRESH)]
    ((found_key, result),) = others(items, (), PROFILES, Options(), lambda *_: None).items()
    assert found_key == key("1")
    assert result.verdict.status is Status.INCONCLUSIVE
    assert result.verdict.reasons[0].text == "why"


def test_its_own_answer_comes_before_what_stands() -> None:
    said: ResultsByKey = {key("1"): answer("1", Status.INCONCLUSIVE)}
    standing = {key(tag): answer(tag) for tag in "12"}
    items = [item("1"), item("2", ItemState.FRESH), item("3", ItemState.FRESH)]
    found = told(items, said, standing, PROFILES, Options(), "another process wrote")
    assert [each.verdict.status.value for each in found] == [
        "inconclusive", "certified", "inconclusive",
    ]  # fmt: skip
    assert found[2].verdict.reasons[0].text == "another process wrote"


# ---------------------------------------------------------------------- what is remembered


@pytest.mark.parametrize(
    ("said", "standing", "kept"),
    [
        (Status.REJECTED, Status.CERTIFIED, Status.REJECTED),
        (Status.INCONCLUSIVE, Status.CERTIFIED, Status.CERTIFIED),
        (Status.INCONCLUSIVE, None, Status.INCONCLUSIVE),
        (None, Status.REJECTED, Status.REJECTED),
        (None, None, None),
    ],
)
def test_silence_changes_nothing(
    said: Status | None, standing: Status | None, kept: Status | None
) -> None:
    mine = {key("1"): answer("1", said)} if said else {}
    known = {key("1"): answer("1", standing)} if standing else {}
    found = remembered([item("1")], mine, known, [], [])
    assert [each.status for each in found] == ([kept] if kept else [])


def test_what_a_registry_could_not_list_has_not_vanished() -> None:
    before = [
        SweepEntry(f"{host}/team/app:1", PLATFORM, "plain", "sha256:aa", Status.CERTIFIED)
        for host in (HOST, "other.example")
    ]
    trouble = ImageUnavailable("it is silent", remedy="", fault=Fault.REGISTRY)
    unlisted = [Unlisted(f"{HOST}/team/*:*", 1, trouble)]
    assert remembered([], {}, {}, before, unlisted) == before[:1]
    mine = {key("1"): answer("1", Status.REJECTED)}
    (now,) = remembered([item("1")], mine, {}, before, unlisted)
    assert now.status is Status.REJECTED
    assert replace(now, status=Status.CERTIFIED).key == before[0].key
