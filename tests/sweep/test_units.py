"""Units of work: one for each image that is due, within the limits of pulls."""

from __future__ import annotations

from dataclasses import replace

import pytest

from certify.judge.profiles import load
from certify.model.reference import Reference
from certify.sweep.plan import Item, ItemState, ResolvedImage
from certify.sweep.units import Unit, make_units, split_by_pull_limit

HOST, PLATFORM = "r.example", "linux/amd64"
PROFILES = {name: load(name) for name in ("plain", "devspace")}
HEX = "a" * 64


def item(
    tag: str,
    state: ItemState = ItemState.NEW,
    same_as: str | None = None,
    *,
    profile: str = "plain",
    digest: str = f"sha256:{HEX}",
) -> Item:
    image = ResolvedImage(f"{HOST}/team/app:{tag}", profile, PLATFORM, digest, suite="1")
    return Item(image, state, "", same_as=same_as and f"{HOST}/team/app:{same_as}")


def unit(tag: str) -> Unit:
    name = Reference.parse(f"{HOST}/team/app:{tag}")
    return Unit(name, PLATFORM, None, (PROFILES["plain"],), ((name, "plain"),))


def test_all_names_and_profiles_of_an_image_share_a_unit() -> None:
    items = [
        item("1"), item("1", profile="devspace"), item("same", ItemState.SAME, same_as="1"),
        item("2", digest=f"sha256:{'b' * 64}"), item("old", ItemState.FRESH),
    ]  # fmt: skip
    one, two = make_units(items, PROFILES, pull="missing", native=PLATFORM)
    assert str(one.reference).endswith(f"/team/app@sha256:{HEX}"), "it is pinned"
    assert [profile.name for profile in one.profiles] == ["plain", "devspace"]
    names = [(name.tag, profile) for name, profile in one.names]
    assert names == [("1", "plain"), ("1", "devspace"), ("same", "plain")]
    assert (one.requested_platform, two.name.tag) == (None, "2")


def test_a_unit_was_certified_if_one_of_its_profiles_was() -> None:
    items = [item("1"), replace(item("1", profile="devspace"), was_certified=True)]
    (one,) = make_units(items, PROFILES, pull="missing", native=PLATFORM)
    assert one.was_certified
    (other,) = make_units(items[:1], PROFILES, pull="missing", native=PLATFORM)
    assert not other.was_certified


def test_only_another_platform_than_the_engines_is_requested() -> None:
    (one,) = make_units([item("1")], PROFILES, pull="missing", native="linux/arm64")
    assert one.requested_platform == PLATFORM


def test_an_image_that_must_not_be_pulled_keeps_its_tag() -> None:
    (one,) = make_units([item("1")], PROFILES, pull="never", native=PLATFORM)
    assert one.reference.tag == "1"


@pytest.mark.parametrize(
    ("allowed", "pull", "count"),
    [({}, "missing", 3), ({HOST: 6}, "missing", 3), ({HOST: 5}, "missing", 2),
     ({HOST: 1}, "missing", 0), ({HOST: 0}, "never", 3), ({"other.example": 0}, "missing", 3)],
)  # fmt: skip
def test_no_more_units_run_than_the_registry_allows(
    allowed: dict[str, int], pull: str, count: int
) -> None:
    due = [unit(tag) for tag in "123"]
    now, later = split_by_pull_limit(due, allowed, pull=pull)
    assert (len(now), now + later) == (count, due)
