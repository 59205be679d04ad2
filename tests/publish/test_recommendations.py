"""Recommendations: the certified images that are closest to an image, and better."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.model.result import Image, Launch, Os, Result, Startup, Suite, Verdict
from certify.model.terms import Grade, Status
from certify.publish.recommendations import CertifiedImages, add_recommendations

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def made(
    reference: str,
    status: Status | Grade = Grade.NATIVE,
    *,
    os: str | None = "debian 12",
    manager: str | None = "apt",
    layers: Iterable[str] = (),
    age: float = 0,
    profile: str = "devspace",
    platform: str | None = "linux/amd64",
    image_id: str | None = None,
    digest: str | None = None,
) -> Result:
    name, _, version = (os or "").partition(" ")
    grade = status if isinstance(status, Grade) else None
    return Result(
        image=Image(
            reference=reference,
            image_id=image_id or f"id of {reference}",
            digest=digest,
            platform=platform,
            layer_digests=tuple(layers),
            os=Os(id=name, version_id=version or None) if os else None,
            package_manager=manager,
        ),
        profile=profile,
        verdict=Verdict(
            status=Status.CERTIFIED if isinstance(status, Grade) else status, grade=grade
        ),
        checks=(),
        startup=Startup(),
        launch=Launch(kind="init", isolation="caps"),
        host=None,
        suite=Suite(version="1", digest="sha256:0"),
        started_at=NOON - timedelta(days=age),
        finished_at=NOON - timedelta(days=age),
        expires_at=NOON - timedelta(days=age) + timedelta(days=30),
    )


BAD = made("bad:1", Status.REJECTED, layers="abc")


def closest(result: Result, *known: Result) -> list[str]:
    found = CertifiedImages(known, NOON).recommendation(result)
    return [each.reference for each in found.closest] if found else []


def extends(result: Result, *known: Result) -> str | None:
    found = CertifiedImages(known, NOON).recommendation(result)
    return found.extends.reference if found and found.extends else None


def test_the_order() -> None:
    same, other_version = made("same:1"), made("version:1", os="debian 13")
    related, foreign = (
        made("family:1", os="ubuntu 22.04"),
        made("x:1", os="alpine 3", manager="apk"),
    )
    assert closest(BAD, foreign, related, other_version, same) == [
        "same:1",
        "version:1",
        "family:1",
    ]
    launched = made("launched:1", Grade.ON_LAUNCH)
    older, newer = made("older:1", age=2), made("newer:1", age=1)
    assert closest(BAD, launched, older, newer) == ["newer:1", "older:1", "launched:1"]
    assert closest(BAD, launched, other_version) == ["launched:1", "version:1"]
    assert closest(BAD, *(made(f"n{n}:1", age=n) for n in range(5))) == ["n0:1", "n1:1", "n2:1"]


@pytest.mark.parametrize(
    "known",
    [
        made("rejected:1", Status.REJECTED),
        made("inconclusive:1", Status.INCONCLUSIVE),
        made("profile:1", profile="plain"),
        made("platform:1", platform="linux/arm64"),
        made("expired:1", age=30),
        made("the-same-id:1", image_id="id of bad:1"),
        made("foreign:1", os="alpine 3", manager="apk"),
        made("nothing-known:1", os=None, manager=None),
    ],
    ids=lambda each: each.image.reference,
)
def test_what_is_not_recommended(known: Result) -> None:
    assert CertifiedImages([known], NOON).recommendation(BAD) is None
    assert closest(BAD, known, made("good:1")) == ["good:1"]


def test_an_expired_certificate_is_not_recommended() -> None:
    """A result that still stands may be older than the end of another one."""
    bad, good = made("bad:1", Status.REJECTED, age=29), made("good:1", age=30)
    assert bad.finished_at < good.expires_at <= NOON
    assert CertifiedImages([good], NOON).recommendation(bad) is None
    assert CertifiedImages([good], NOON - timedelta(seconds=1)).recommendation(bad) is not None


def test_a_native_or_inconclusive_image_gets_no_recommendation() -> None:
    good, launched = made("good:1"), made("launched:1", Grade.ON_LAUNCH)
    assert closest(made("mine:1", Grade.ON_LAUNCH), good, launched) == ["good:1"]
    assert (
        CertifiedImages([good, launched], NOON).recommendation(made("mine:1", Grade.NATIVE)) is None
    )
    assert (
        CertifiedImages([good, launched], NOON).recommendation(made("mine:1", Status.INCONCLUSIVE))
        is None
    )


def test_an_image_with_two_names_is_recommended_once() -> None:
    one = made("one:1", digest="sha256:d", image_id="x")
    again, moved = made("again:1", image_id="x", age=1), made("moved:1", digest="sha256:d", age=2)
    assert closest(BAD, again, one, moved) == ["one:1"]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [("a", "base:1"), ("ab", "base:1"), ("abc", "base:1"), ("abcd", None), ("b", None),
     ("", None), ("ac", None)],
)  # fmt: skip
def test_whether_it_extends_a_certified_image(layers: str, expected: str | None) -> None:
    assert extends(BAD, made("base:1", layers=layers)) == expected


def test_the_highest_base_counts_even_of_another_family() -> None:
    low, high = made("low:1", layers="a"), made("high:1", layers="ab", os="other 1", manager=None)
    found = CertifiedImages([low, high], NOON).recommendation(BAD)
    assert found is not None and found.extends is not None
    assert found.extends.reference == "high:1"
    assert [each.reference for each in found.closest] == ["low:1"]
    assert extends(BAD, made("bad-base:1", Status.REJECTED, layers="ab")) is None


def test_results_keep_all_else() -> None:
    good = made("good:1")
    changed, unchanged = add_recommendations([BAD, good], [BAD, good], NOON)
    assert changed.recommendation is not None
    assert changed.model_copy(update={"recommendation": None}) == BAD
    assert unchanged == good


RESULTS = st.builds(
    made,
    st.sampled_from([f"image{n}:1" for n in range(6)]),
    st.sampled_from([*Grade, Status.REJECTED, Status.INCONCLUSIVE]),
    os=st.sampled_from([None, "debian 12", "debian 13", "alpine 3"]),
    manager=st.sampled_from([None, "apt", "apk"]),
    layers=st.text("ab", max_size=3),
    age=st.integers(0, 40),
    image_id=st.sampled_from([None, "x", "y"]),
    digest=st.sampled_from([None, "d", "e"]),
)


@given(RESULTS, st.lists(RESULTS, max_size=8), st.randoms())
def test_only_better_images_are_recommended_whatever_their_order(
    result: Result, known: list[Result], order: object
) -> None:
    unique = list({each.model_dump_json(): each for each in known}.values())
    found = CertifiedImages(unique, NOON).recommendation(result)
    if found is None:
        return
    assert len(found.closest) <= 3
    certified = {each.image.reference for each in known if each.verdict.grade}
    for each in (*found.closest, *([found.extends] if found.extends else [])):
        assert each.reference in certified
        assert each.image_id != result.image.image_id
        assert result.verdict.status is Status.REJECTED or each.grade is Grade.NATIVE
    assert [each.grade for each in found.closest].count(None) == 0
