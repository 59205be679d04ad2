"""The plan of a sweep: every state, and no image is certified twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.ledger.in_force import ResultInForce
from certify.model.errors import Trouble
from certify.model.terms import Status
from certify.sweep.plan import ItemState, ResolvedImage, make_plan

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOST = "cgroup v2, overlay2, x86_64"
WANTED = ResolvedImage("team/app:1", "devspace", "linux/amd64", "sha256:aa", suite="suite-1")
IN_FORCE = ResultInForce(
    reference="team/app:1",
    profile="devspace",
    platform="linux/amd64",
    digest="sha256:aa",
    status=Status.CERTIFIED,
    suite_digest="suite-1",
    host_class=HOST,
    finished_at=NOW - timedelta(days=1),
    expires_at=NOW + timedelta(days=1),
)
UNRESOLVED = replace(WANTED, digest=None, trouble=Trouble("429"))


def plan(
    wanted: list[ResolvedImage], in_force: list[ResultInForce], *, force: bool = False
) -> list[tuple[ItemState, str]]:
    items = make_plan(
        wanted,
        in_force,
        now=NOW,
        host_class=HOST,
        force=force,
    )
    assert [item.image for item in items] == wanted
    return [(item.state, item.reason) for item in items]


@pytest.mark.parametrize(
    ("wanted", "in_force", "force", "state", "text"),
    [
        (WANTED, [], False, ItemState.NEW, "never certified"),
        (WANTED, [IN_FORCE], False, ItemState.FRESH, "valid until 2026-01-02"),
        (WANTED, [IN_FORCE], True, ItemState.FORCED, "--force"),
        (WANTED, [replace(IN_FORCE, status=Status.REJECTED)], False, ItemState.FRESH,
         "valid until"),
        (WANTED, [replace(IN_FORCE, status=Status.INCONCLUSIVE)], False, ItemState.NEW,
         "inconclusive"),
        (WANTED, [replace(IN_FORCE, digest="sha256:bb")], False, ItemState.MOVED, "was bb"),
        (WANTED, [replace(IN_FORCE, expires_at=NOW)], False, ItemState.STALE, "expired"),
        (
            WANTED, [replace(IN_FORCE, finished_at=NOW + timedelta(1))], False,
            ItemState.STALE, "is yet to come",
        ),
        (WANTED, [replace(IN_FORCE, suite_digest="suite-0")], False, ItemState.STALE, "changed"),
        (WANTED, [replace(IN_FORCE, host_class="cgroup v1, vfs, x86_64")], False, ItemState.STALE,
         "certified on cgroup v1"),
        (WANTED, [replace(IN_FORCE, profile="plain")], False, ItemState.NEW, "never certified"),
        (WANTED, [replace(IN_FORCE, platform="linux/arm64")], False, ItemState.NEW,
         "never certified"),
        (WANTED, [replace(IN_FORCE, reference="team/app:latest")], False, ItemState.SAME,
         "team/app:latest, whose certificate is valid"),
        (UNRESOLVED, [IN_FORCE], False, ItemState.UNRESOLVED, "429"),
        (UNRESOLVED, [IN_FORCE], True, ItemState.UNRESOLVED, "429"),
    ],
)  # fmt: skip
def test_state(
    wanted: ResolvedImage, in_force: list[ResultInForce], force: bool, state: ItemState, text: str
) -> None:
    ((found, reason),) = plan([wanted], in_force, force=force)
    assert found is state
    assert text in reason


@pytest.mark.parametrize(
    ("others", "in_force", "never"),
    [
        ([], [], True),
        ([], [replace(IN_FORCE, digest=WANTED.reference, status=Status.INCONCLUSIVE)], True),
        ([], [replace(IN_FORCE, reference="team/app:2")], True),
        ([], [IN_FORCE], False),
        ([], [replace(IN_FORCE, profile="plain", status=Status.INCONCLUSIVE)], False),
        ([replace(WANTED, platform="linux/arm64")], [], False),
        ([replace(WANTED, reference="team/app:2")], [], True),
        ([replace(UNRESOLVED, platforms=("linux/amd64", "linux/arm64"))], [], False),
    ],
)  # fmt: skip
def test_a_name_was_never_found_unless_anything_knows_its_image(
    others: list[ResolvedImage], in_force: list[ResultInForce], never: bool
) -> None:
    items = make_plan([UNRESOLVED, *others], in_force, now=NOW, host_class=HOST)
    assert items[0].never_found is never
    assert not any(each.never_found for each in items[1:])


def test_names_of_one_image_are_certified_once() -> None:
    other = replace(WANTED, reference="team/app:latest")
    assert [state for state, _ in plan([WANTED, other], [])] == [ItemState.NEW, ItemState.SAME]


def test_names_with_different_waivers_are_certified_separately() -> None:
    other = replace(WANTED, reference="team/app:latest", suite="suite-1 and a waiver")
    assert [state for state, _ in plan([WANTED, other], [])] == [ItemState.NEW, ItemState.NEW]


def test_profiles_and_platforms_of_one_image_are_each_certified() -> None:
    wanted = [
        WANTED,
        replace(WANTED, profile="plain"),
        replace(WANTED, platform="linux/arm64"),
    ]
    assert [state for state, _ in plan(wanted, [])] == [ItemState.NEW] * 3


def test_a_tag_that_moved_to_a_certified_image_is_not_certified_again() -> None:
    in_force = [
        replace(IN_FORCE, digest="sha256:old"),
        replace(IN_FORCE, reference="team/app:2"),
    ]
    ((state, why),) = plan([WANTED], in_force)
    assert state is ItemState.SAME
    assert "team/app:2" in why


names = st.sampled_from(["a:1", "a:2", "b:1"])
digests = st.sampled_from([None, "sha256:aa", "sha256:bb"])
wanted_images = st.builds(
    ResolvedImage, names, st.just("devspace"), st.just("linux/amd64"), digests, st.just("suite-1")
)
results_in_force = st.builds(
    ResultInForce,
    reference=names,
    profile=st.just("devspace"),
    platform=st.just("linux/amd64"),
    digest=st.sampled_from(["sha256:aa", "sha256:bb"]),
    status=st.sampled_from(list(Status)),
    suite_digest=st.sampled_from(["suite-0", "suite-1"]),
    host_class=st.just(HOST),
    finished_at=st.just(NOW - timedelta(2)),
    expires_at=st.sampled_from([NOW - timedelta(1), NOW + timedelta(1)]),
)


@given(
    st.lists(wanted_images, unique_by=lambda each: each.reference),
    st.lists(results_in_force, unique_by=lambda each: each.reference),
    st.booleans(),
)
def test_every_image_has_an_item_and_is_due_at_most_once(
    wanted: list[ResolvedImage], in_force: list[ResultInForce], force: bool
) -> None:
    items = make_plan(wanted, in_force, now=NOW, host_class=HOST, force=force)
    due = [item.image.identity for item in items if item.state.due]
    assert len(due) == len(set(due))
    for item in items:
        assert (item.state is ItemState.UNRESOLVED) == (item.image.digest is None)
        if item.state is ItemState.SAME:
            others = {each.image.reference for each in items if each.state.due}
            assert item.same_as in others | {each.reference for each in in_force}
        if item.state is ItemState.FRESH:
            assert not force


@pytest.mark.parametrize(
    ("in_force", "was_certified"),
    [
        ([], False),
        ([IN_FORCE], True),
        ([replace(IN_FORCE, digest="sha256:bb")], True),
        ([replace(IN_FORCE, reference="team/app:latest")], True),
        ([replace(IN_FORCE, status=Status.REJECTED)], False),
        ([replace(IN_FORCE, profile="plain")], False),
    ],
)
def test_what_was_certified_is_known_by_name_and_by_digest(
    in_force: list[ResultInForce], was_certified: bool
) -> None:
    (item,) = make_plan([WANTED], in_force, now=NOW, host_class=HOST, force=True)
    assert item.was_certified is was_certified
