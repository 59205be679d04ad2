"""Changes between two sweeps."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.ledger.changes import ChangeKind, SweepEntry, find_changes, group_by_cause
from certify.model.terms import Grade, Status

GOOD = SweepEntry("a:1", "linux/amd64", "devspace", "sha256:aa", Status.CERTIFIED, Grade.NATIVE)
BAD = replace(GOOD, status=Status.REJECTED, grade=None, cause="systemd.pid1: no systemd")
SILENT = replace(GOOD, status=Status.INCONCLUSIVE, grade=None, cause="429")


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        ([GOOD], [GOOD], []),
        ([GOOD], [BAD], [ChangeKind.BROKEN]),
        ([BAD], [GOOD], [ChangeKind.FIXED]),
        ([SILENT], [GOOD], [ChangeKind.FIXED]),
        ([GOOD], [SILENT], [ChangeKind.UNCLEAR]),
        ([GOOD], [replace(GOOD, identity="sha256:bb")], [ChangeKind.MOVED]),
        ([GOOD], [replace(BAD, identity="sha256:bb")], [ChangeKind.BROKEN]),
        ([], [GOOD], [ChangeKind.APPEARED]),
        ([GOOD], [], [ChangeKind.VANISHED]),
        ([GOOD], [replace(GOOD, profile="plain")], [ChangeKind.APPEARED, ChangeKind.VANISHED]),
    ],
)
def test_kind(before: list[SweepEntry], after: list[SweepEntry], kinds: list[ChangeKind]) -> None:
    assert [change.kind for change in find_changes(before, after)] == kinds


def test_names_in_json_stay_the_same() -> None:
    assert [kind.json_name for kind in ChangeKind] == [
        "newly broken", "newly mended", "no longer clear", "moved", "appeared", "vanished",
    ]  # fmt: skip


def test_images_are_grouped_by_cause() -> None:
    others = [replace(BAD, reference=f"b:{number}") for number in range(3)]
    assert group_by_cause([GOOD, SILENT, BAD, *others]) == [
        (BAD.cause, [BAD, *others]),
        (SILENT.cause, [SILENT]),
    ]


HEX = "a" * 64


@pytest.mark.parametrize(
    ("cause", "shared"),
    [
        (
            "r.example:5000 does not find team/app:{n}: timed out",
            "r.example:5000 does not find …: ",
        ),
        (
            f"r.example:5000/team/app@sha256:{HEX} could not be pulled: full",
            "… could not be pulled",
        ),
        ("'app:{n}', r.example:5000/team/app:{n}.", "'…', …."),
        ("no systemd (app:{n})", "no systemd (…)"),
    ],
)
def test_causes_that_differ_only_in_names_are_one(cause: str, shared: str) -> None:
    found = [
        replace(BAD, reference=f"r.example:5000/team/app:{n}", cause=cause.format(n=n))
        for n in ("1", "1.2", "10")
    ]
    ((common, images),) = group_by_cause(found)
    assert common.startswith(shared)
    assert images == found
    assert group_by_cause(found[:1]) == [(found[0].cause, found[:1])], "alone"


@pytest.mark.parametrize("cause", ["app:12 is another one", "my-app:1", "app:1-slim", "the app"])
def test_the_name_of_another_image_stays(cause: str) -> None:
    one, two = (replace(BAD, reference=f"app:{n}", cause=cause) for n in ("1", "3"))
    assert group_by_cause([one, two]) == [(cause, [one, two])]


images = st.lists(
    st.builds(
        SweepEntry,
        st.sampled_from("abc"),
        st.just("linux/amd64"),
        st.just("devspace"),
        st.sampled_from(["sha256:1", "sha256:2"]),
        st.sampled_from(list(Status)),
    ),
    unique_by=lambda each: each.key,
)


@given(images, images)
def test_every_difference_is_a_change_and_nothing_else(
    before: list[SweepEntry], after: list[SweepEntry]
) -> None:
    assert find_changes(before, before) == []
    found = {change.image.key for change in find_changes(before, after)}
    old, new = {each.key: each for each in before}, {each.key: each for each in after}
    assert found == {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
