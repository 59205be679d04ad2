"""May it be run? Every reason by a table, and nothing that opens the gate by accident."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from certify.model.approved import ApprovedList, Revocation
from certify.model.errors import ListUnavailable
from certify.signing.gate import (
    Decision,
    DecisionReason,
    ImageRequest,
    decide_from_list,
    decide_from_statements,
    leave_out_others,
)
from certify.signing.published_list import Hook, PublishedList
from certify.signing.statements import StatedResult
from tests.factories import NOW, REGISTRY, REPOSITORY, a_list, an_entry, digest, raw_list

NAME = f"{REGISTRY}/{REPOSITORY}"
LATER, EARLIER = NOW + timedelta(days=1), NOW - timedelta(days=1)


def asked(number: int = 1, **fields: str) -> ImageRequest:
    known = {"name": NAME, "platform": "linux/amd64", "profile": "plain"}
    return ImageRequest(digest=digest(number), **(known | fields))


def judged(request: ImageRequest, listed: ApprovedList, now: datetime = NOW) -> Decision:
    raw, hook = raw_list(listed), leave_out_others([request])
    return decide_from_list([request], PublishedList.parse(raw, "x", hook), now)[0]


def revoked(number: int, *indexes: int) -> Revocation:
    return Revocation(
        digest=digest(number),
        reference=f"{NAME}@x",
        reason="a miner\x1b[2J",
        revoked_at=NOW,
        indexes=tuple(map(digest, indexes)),
    )


ARM = an_entry(platform="linux/arm64/v8", manifest_digest=digest(3))

CASES: dict[str, tuple[ImageRequest, ApprovedList, DecisionReason, str]] = {
    "by its index": (asked(1), a_list(), "approved", "native for plain on linux/amd64, until"),
    "by its manifest": (asked(2), a_list(), "approved", "native for plain"),
    "another digest": (asked(8), a_list(), "moved", "it has sha256:000000000000…"),
    "another repository": (
        asked(1, name=f"{REGISTRY}/else"), a_list(), "unlisted", "is on the list",
    ),
    "another platform": (
        asked(1, platform="linux/arm64"), a_list(), "platform",
        "approved for linux/amd64, not for linux/arm64",
    ),
    "the other platform of two": (
        asked(1, platform="linux/arm64"), a_list(an_entry(), ARM), "approved", "on linux/arm64",
    ),
    "a manifest of the other platform": (
        asked(3), a_list(an_entry(), ARM), "platform", "not for linux/amd64",
    ),
    "another profile": (
        asked(1, profile="devspace"), a_list(), "profile", "approved for plain, not for devspace",
    ),
    "expired": (
        asked(1), a_list(an_entry(expires_at=NOW)), "expired", "its certificate expired on",
    ),
    "in an expired list": (asked(1), a_list(expires_at=NOW), "list-expired", "the list itself"),
    "in a list of the future": (
        asked(1), a_list(published_at=NOW + timedelta(days=1)), "future", "the list is of the",
    ),
    "certified in the future": (
        asked(1), a_list(an_entry(certified_at=NOW + timedelta(days=1))),
        "future", "which is yet to come",
    ),
    "certified by a clock that is ahead by seconds": (
        asked(1), a_list(an_entry(certified_at=NOW + timedelta(seconds=20))), "approved", "native",
    ),
    "revoked": (asked(1), a_list(revoked=(revoked(1),)), "revoked", "revoked: a miner"),
    "of a revoked index": (asked(2), a_list(revoked=(revoked(1),)), "revoked", "revoked:"),
    "of a revoked manifest": (asked(1), a_list(revoked=(revoked(2),)), "revoked", "revoked:"),
    "of an index whose other manifest is revoked": (
        asked(1), a_list(an_entry(), ARM, revoked=(revoked(3),)), "approved", "native",
    ),
    "under two tags, one expired": (
        asked(1), a_list(an_entry(expires_at=NOW), an_entry(tag="2")), "approved", "native",
    ),
    "as another writes its platform": (
        asked(1, platform="linux/arm64"), a_list(an_entry(platform="linux/arm64/v8")),
        "approved", "native",
    ),
    "of an index whose one listed manifest was revoked": (
        asked(1), a_list(ARM, revoked=(revoked(2, 1),)), "revoked", "a manifest in this index is",
    ),
    "for the platform whose manifest was not revoked": (
        asked(1, platform="linux/arm64"), a_list(ARM, revoked=(revoked(2, 1),)),
        "approved", "native",
    ),
    "of an index whose manifest nobody knew, one of which was revoked": (
        asked(1), a_list(an_entry(manifest_digest=digest(1)), revoked=(revoked(2, 1),)),
        "revoked", "revoked:",
    ),
    "of an index whose manifest nobody knew": (
        asked(1), a_list(an_entry(manifest_digest=None)), "approved", "native",
    ),
    "of a revoked index whose manifest nobody knew": (
        asked(1), a_list(an_entry(manifest_digest=None), revoked=(revoked(2, 1),)),
        "revoked", "revoked:",
    ),
    "of an index whose manifest nobody knew for another platform": (
        asked(1, platform="linux/arm64"),
        a_list(an_entry(manifest_digest=None), ARM, revoked=(revoked(2, 1),)),
        "approved", "on linux/arm64",
    ),
    "revoked and not listed": (asked(8), a_list(revoked=(revoked(8),)), "revoked", "revoked:"),
    "revoked elsewhere": (
        asked(1, name=f"{REGISTRY}/else"), a_list(revoked=(revoked(1),)), "revoked", "revoked:",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_list_answers(name: str) -> None:
    request, listed, why, text = CASES[name]
    found = judged(request, listed)
    assert (found.reason, found.approved) == (why, why == "approved")
    assert text in found.text
    assert "\x1b" not in found.text
    assert "\n" not in found.text


@given(
    number=st.integers(0, 4),
    platform=st.sampled_from(["linux/amd64", "linux/arm64"]),
    profile=st.sampled_from(["plain", "devspace"]),
    days=st.integers(-2, 40),
    stopped=st.sets(st.integers(0, 4)),
)
def test_only_what_is_listed_current_and_not_revoked_is_approved(
    number: int, platform: str, profile: str, days: int, stopped: set[int]
) -> None:
    listed = a_list(an_entry(), ARM, revoked=tuple(map(revoked, stopped)))
    now = NOW + timedelta(days=days)
    found = judged(asked(number, platform=platform, profile=profile), listed, now)
    manifest = {"linux/amd64": 2, "linux/arm64": 3}[platform]
    right = (
        number in (1, manifest) and profile == "plain" and 0 <= days < 7
    )  # a list of the future is none
    assert found.approved == (right and not stopped & {1, manifest})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"grade": "native"', b'"grade": "gold"'),
        (b'"platform": "linux/amd64"', b'"platform": 5'),
        (b'"expires_at": "', b'"expires_at": "x'),
        (b'.000Z"', b'.000"'),
        (b'"revoked": []', b'"revoked": [{"digest": 5}]'),
    ],
)
def test_a_list_or_an_entry_that_makes_no_sense_is_nothing_to_go_by(old: bytes, new: bytes) -> None:
    raw = raw_list(a_list())
    assert old in raw
    with pytest.raises(ListUnavailable):
        decide_from_list([asked(1)], PublishedList.parse(raw.replace(old, new), "x"), NOW)


_FIELDS = st.sampled_from(
    ["digest", "manifest_digest", "registry", "repository", "images", "revoked", "schema", "pin",
     "tag", "platforms", "indexes", "waived", "reason"],
)  # fmt: skip
HOSTILE = st.recursive(
    st.sampled_from([None, True, 5, NAME, REGISTRY, REPOSITORY, digest(1), digest(2), "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_FIELDS, inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A list in which some values were replaced or added, at any depth."""
    stopped = draw(st.sets(st.integers(0, 4), max_size=2))
    found = json.loads(raw_list(a_list(an_entry(), ARM, revoked=tuple(map(revoked, stopped)))))
    places = [found, *found["images"], *found["revoked"]]
    for _ in range(draw(st.integers(0, 3))):
        draw(st.sampled_from(places))[draw(_FIELDS)] = draw(HOSTILE)
    return json.dumps(found).encode()


def outcome(request: ImageRequest, raw: bytes, hook: Hook | None) -> Decision | None:
    try:
        return decide_from_list([request], PublishedList.parse(raw, "x", hook), NOW)[0]
    except ListUnavailable:
        return None


NESTED = raw_list(a_list()).replace(
    b'"digest": "%s"' % digest(1).encode(), b'"digest": {"digest": null, "repository": null}'
)


@example(raw=NESTED, number=3, name=NAME)
@given(raw=damaged(), number=st.integers(0, 3), name=st.sampled_from([NAME, f"{REGISTRY}/else"]))
def test_what_is_left_out_decides_nothing(raw: bytes, number: int, name: str) -> None:
    request = asked(number, name=name)
    hook = leave_out_others([request])
    assert outcome(request, raw, hook) == outcome(request, raw, None)


def test_only_what_somebody_asks_for_is_held() -> None:
    listed = a_list(an_entry(), *(an_entry(repository=f"x/{n}", digest=digest(n)) for n in (5, 6)))
    for request, held in ((asked(1), 1), (asked(5), 2), (asked(9, name=f"{REGISTRY}/x/5"), 1)):
        hook = leave_out_others([request])
        assert len(PublishedList.parse(raw_list(listed), "x", hook).images) == held
    hook = leave_out_others([asked(5, name="a/b"), asked(6, name="a/b")])
    assert len(PublishedList.parse(raw_list(listed), "x", hook).images) == 2


def test_many_requests_are_decided_in_their_order() -> None:
    requests = [asked(8), asked(1), asked(1, profile="devspace")]
    raw, hook = raw_list(a_list()), leave_out_others(requests)
    found = decide_from_list(requests, PublishedList.parse(raw, "x", hook), NOW)
    assert [each.reason for each in found] == ["moved", "approved", "profile"]


def a_certificate(**fields: Any) -> StatedResult:
    known: dict[str, Any] = {
        "profile": "plain", "platform": "linux/amd64", "grade": "native", "result": "PASSED",
        "certified_at": NOW, "expires_at": NOW + timedelta(days=30),
        "subjects": (digest(1), digest(2)),
    }  # fmt: skip
    return StatedResult(**(known | fields))


def turn(kind: str, at: datetime, number: int = 1) -> StatedResult:
    never = datetime(9999, 12, 31, tzinfo=UTC)
    every = {"profile": "*", "platform": "*", "grade": None, "result": "FAILED"}
    about = {"certified_at": at, "expires_at": never, "subjects": (digest(number),)}
    return a_certificate(**every, **about, **{kind: "a miner"})


ATTACHED: dict[str, tuple[list[StatedResult], DecisionReason]] = {
    "nothing": ([], "unlisted"),
    "a certificate": ([a_certificate()], "approved"),
    "with a warning": ([a_certificate(result="WARNED")], "approved"),
    "a rejection": ([a_certificate(result="FAILED", grade=None)], "rejected"),
    "rejected since": (
        [a_certificate(result="FAILED", certified_at=LATER), a_certificate()], "rejected",
    ),
    "mended since": (
        [a_certificate(), a_certificate(result="FAILED", certified_at=EARLIER)], "approved",
    ),
    "mended in the future": (
        [a_certificate(certified_at=LATER), a_certificate(result="FAILED")], "future",
    ),
    "rejected for another profile": (
        [a_certificate(), a_certificate(profile="devspace", result="FAILED", certified_at=LATER)],
        "approved",
    ),
    "another image's": ([a_certificate(subjects=(digest(5),))], "unlisted"),
    "another platform's": ([a_certificate(platform="linux/arm64")], "platform"),
    "another profile's": ([a_certificate(profile="devspace")], "profile"),
    "expired": ([a_certificate(expires_at=NOW)], "expired"),
    "revoked": ([a_certificate(), turn("revoked", EARLIER)], "revoked"),
    "revoked, and certified again": (
        [turn("revoked", EARLIER), a_certificate(certified_at=LATER)], "revoked",
    ),
    "revoked and lifted": (
        [turn("revoked", EARLIER), turn("lifted", NOW), a_certificate()], "approved",
    ),
    "lifted and revoked": (
        [turn("lifted", EARLIER), turn("revoked", NOW), a_certificate()], "revoked",
    ),
    "its manifest was revoked": ([a_certificate(), turn("revoked", NOW, 2)], "revoked"),
    "its manifest was revoked, and only the index was lifted": (
        [a_certificate(), turn("revoked", EARLIER, 2), turn("lifted", NOW, 1)], "revoked",
    ),
    "the other platform's manifest was revoked": (
        [a_certificate(), a_certificate(platform="linux/arm64", subjects=(digest(1), digest(3))),
         turn("revoked", NOW, 3)],
        "approved",
    ),
    "its manifest was rejected since, in another index": (
        [a_certificate(),
         a_certificate(result="FAILED", certified_at=LATER, subjects=(digest(7), digest(2)))],
        "rejected",
    ),
    "rejected since, as another writes its platform": (
        [a_certificate(platform="linux/amd64/v1", certified_at=EARLIER), a_certificate(),
         a_certificate(platform="linux/amd64/v1", result="FAILED", certified_at=LATER)],
        "rejected",
    ),
    "only lifted": ([turn("lifted", NOW)], "unlisted"),
}  # fmt: skip


def test_a_manifest_that_a_registry_tells_revokes_and_certifies_nothing() -> None:
    vague = a_certificate(subjects=(digest(1),))
    request = replace(asked(1), manifest=digest(2))
    assert decide_from_statements(request, [vague], NOW).reason == "approved"
    assert (
        decide_from_statements(request, [vague, turn("revoked", NOW, 2)], NOW).reason == "revoked"
    )
    other = a_certificate(subjects=(digest(7), digest(2)))
    assert decide_from_statements(request, [other], NOW).reason == "unlisted"


@pytest.mark.parametrize("name", ATTACHED)
def test_what_is_attached_answers(name: str) -> None:
    stated, why = ATTACHED[name]
    found = decide_from_statements(asked(1), stated, NOW)
    assert (found.reason, found.approved) == (why, why == "approved")
