"""What changed from sweep to sweep."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.ledger.changes import Kind, Swept, alike, changes
from certify.model.terms import Grade, Status

GOOD = Swept("a:1", "linux/amd64", "devspace", "sha256:aa", Status.CERTIFIED, Grade.NATIVE)
BAD = replace(GOOD, status=Status.REJECTED, grade=None, cause="systemd.pid1: no systemd")
SILENT = replace(GOOD, status=Status.INCONCLUSIVE, grade=None, cause="429")


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        ([GOOD], [GOOD], []),
        ([GOOD], [BAD], [Kind.BROKEN]),
        ([BAD], [GOOD], [Kind.MENDED]),
        ([SILENT], [GOOD], [Kind.MENDED]),
        ([GOOD], [SILENT], [Kind.UNCLEAR]),
        ([GOOD], [replace(GOOD, identity="sha256:bb")], [Kind.MOVED]),
        ([GOOD], [replace(BAD, identity="sha256:bb")], [Kind.BROKEN]),
        ([], [GOOD], [Kind.APPEARED]),
        ([GOOD], [], [Kind.VANISHED]),
        ([GOOD], [replace(GOOD, profile="plain")], [Kind.APPEARED, Kind.VANISHED]),
    ],
)
def test_kind(before: list[Swept], after: list[Swept], kinds: list[Kind]) -> None:
    assert [change.kind for change in changes(before, after)] == kinds


def test_what_went_wrong_alike_is_told_together() -> None:
    others = [replace(BAD, reference=f"b:{number}") for number in range(3)]
    assert alike([GOOD, SILENT, BAD, *others]) == [
        (BAD.cause, [BAD, *others]),
        (SILENT.cause, [SILENT]),
    ]


HEX = "a" * 64


@pytest.mark.parametrize(
    ("said", "together"),
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
def test_the_same_said_by_name_is_told_together(said: str, together: str) -> None:
    found = [
        replace(BAD, reference=f"r.example:5000/team/app:{n}", cause=said.format(n=n))
        for n in ("1", "1.2", "10")
    ]
    ((cause, images),) = alike(found)
    assert cause.startswith(together)
    assert images == found
    assert alike(found[:1]) == [(found[0].cause, found[:1])], "one of its kind keeps its name"


@pytest.mark.parametrize("said", ["app:12 is another one", "my-app:1", "app:1-slim", "the app"])
def test_the_name_of_another_image_stays(said: str) -> None:
    one, two = (replace(BAD, reference=f"app:{n}", cause=said) for n in ("1", "3"))
    assert alike([one, two]) == [(said, [one, two])]


images = st.lists(
    st.builds(
        Swept,
        st.sampled_from("abc"),
        st.just("linux/amd64"),
        st.just("devspace"),
        st.sampled_from(["sha256:1", "sha256:2"]),
        st.sampled_from(list(Status)),
    ),
    unique_by=lambda each: each.key,
)


@given(images, images)
def test_nothing_changes_against_itself_and_every_difference_is_told(
    before: list[Swept], after: list[Swept]
) -> None:
    assert changes(before, before) == []
    told = {change.image.key for change in changes(before, after)}
    old, new = {each.key: each for each in before}, {each.key: each for each in after}
    assert told == {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
