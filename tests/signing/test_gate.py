"""May it be run? Every reason by a table, and nothing that opens the gate by accident."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.model.approved import ApprovedList, Revocation
from certify.model.errors import ListUnavailable
from certify.signing.gate import Decision, Listed, Question, Why, answer, answer_attached
from certify.signing.statements import Certificate
from tests.factories import NOW, REGISTRY, REPOSITORY, a_list, an_entry, digest, raw_list

NAME = f"{REGISTRY}/{REPOSITORY}"
LATER, EARLIER = NOW + timedelta(days=1), NOW - timedelta(days=1)


def asked(number: int = 1, **fields: str) -> Question:
    known = {"name": NAME, "platform": "linux/amd64", "profile": "plain"}
    return Question(digest=digest(number), **(known | fields))


def judged(question: Question, listed: ApprovedList, now: datetime = NOW) -> Decision:
    return answer(question, Listed.parse(raw_list(listed), "x"), now)


def revoked(number: int, *indexes: int) -> Revocation:
    return Revocation(
        digest=digest(number),
        reference=f"{NAME}@x",
        reason="a miner\x1b[2J",
        revoked_at=NOW,
        indexes=tuple(map(digest, indexes)),
    )


ARM = an_entry(platform="linux/arm64/v8", manifest_digest=digest(3))

CASES: dict[str, tuple[Question, ApprovedList, Why, str]] = {
    "by its index": (asked(1), a_list(), Why.APPROVED, "native for plain on linux/amd64, until"),
    "by its manifest": (asked(2), a_list(), Why.APPROVED, "native for plain"),
    "another digest": (asked(8), a_list(), Why.MOVED, "it has sha256:000000000000…"),
    "another repository": (
        asked(1, name=f"{REGISTRY}/else"), a_list(), Why.UNLISTED, "is on the list",
    ),
    "another platform": (
        asked(1, platform="linux/arm64"), a_list(), Why.PLATFORM,
        "approved for linux/amd64, not for linux/arm64",
    ),
    "the other platform of two": (
        asked(1, platform="linux/arm64"), a_list(an_entry(), ARM), Why.APPROVED, "on linux/arm64",
    ),
    "a manifest of the other platform": (
        asked(3), a_list(an_entry(), ARM), Why.PLATFORM, "not for linux/amd64",
    ),
    "another profile": (
        asked(1, profile="devspace"), a_list(), Why.PROFILE, "approved for plain, not for devspace",
    ),
    "expired": (
        asked(1), a_list(an_entry(expires_at=NOW)), Why.EXPIRED, "its certificate expired on",
    ),
    "in an expired list": (asked(1), a_list(expires_at=NOW), Why.LIST_EXPIRED, "the list itself"),
    "revoked": (asked(1), a_list(revoked=(revoked(1),)), Why.REVOKED, "revoked: a miner"),
    "of a revoked index": (asked(2), a_list(revoked=(revoked(1),)), Why.REVOKED, "revoked:"),
    "of a revoked manifest": (asked(1), a_list(revoked=(revoked(2),)), Why.REVOKED, "revoked:"),
    "of an index whose other manifest is revoked": (
        asked(1), a_list(an_entry(), ARM, revoked=(revoked(3),)), Why.APPROVED, "native",
    ),
    "under two tags, one expired": (
        asked(1), a_list(an_entry(expires_at=NOW), an_entry(tag="2")), Why.APPROVED, "native",
    ),
    "as another writes its platform": (
        asked(1, platform="linux/arm64"), a_list(an_entry(platform="linux/arm64/v8")),
        Why.APPROVED, "native",
    ),
    "of an index whose one listed manifest was revoked": (
        asked(1), a_list(ARM, revoked=(revoked(2, 1),)), Why.REVOKED, "a manifest in it was",
    ),
    "for the platform whose manifest was not revoked": (
        asked(1, platform="linux/arm64"), a_list(ARM, revoked=(revoked(2, 1),)),
        Why.APPROVED, "native",
    ),
    "of an index whose manifest nobody knew, one of which was revoked": (
        asked(1), a_list(an_entry(manifest_digest=digest(1)), revoked=(revoked(2, 1),)),
        Why.REVOKED, "revoked:",
    ),
    "of an index whose manifest nobody knew": (
        asked(1), a_list(an_entry(manifest_digest=None)), Why.APPROVED, "native",
    ),
    "of a revoked index whose manifest nobody knew": (
        asked(1), a_list(an_entry(manifest_digest=None), revoked=(revoked(2, 1),)),
        Why.REVOKED, "revoked:",
    ),
    "of an index whose manifest nobody knew for another platform": (
        asked(1, platform="linux/arm64"),
        a_list(an_entry(manifest_digest=None), ARM, revoked=(revoked(2, 1),)),
        Why.APPROVED, "on linux/arm64",
    ),
    "revoked and not listed": (asked(8), a_list(revoked=(revoked(8),)), Why.REVOKED, "revoked:"),
    "revoked elsewhere": (
        asked(1, name=f"{REGISTRY}/else"), a_list(revoked=(revoked(1),)), Why.REVOKED, "revoked:",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_list_answers(name: str) -> None:
    question, listed, why, text = CASES[name]
    found = judged(question, listed)
    assert (found.why, found.approved) == (why, why is Why.APPROVED)
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
    right = number in (1, manifest) and profile == "plain" and days < 7
    assert found.approved == (right and not stopped & {1, manifest})


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        raw_list(a_list()).replace(b"certify/approved/v1", b"certify/approved/v2"),
        raw_list(a_list()).replace(b'"sequence": 7', b'"sequence": "many"'),
        raw_list(a_list()).replace(b'"images": [', b'"images": [1,'),
        raw_list(a_list()).replace(b'"revoked": []', b'"revoked": null'),
        raw_list(a_list()).replace(b'"revoked": []', b'"revoked": {}'),
        raw_list(a_list()).replace(b'"images": [', b'"images": {}, "old": ['),
        raw_list(a_list()).replace(b'"sequence"', b'"extra": 1, "sequence"'),
    ],
)
def test_what_is_no_list_is_nothing_to_go_by(raw: bytes) -> None:
    with pytest.raises(ListUnavailable, match="the place cannot be read") as refused:
        Listed.parse(raw, "the place")
    assert refused.value.remedy


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
        answer(asked(1), Listed.parse(raw.replace(old, new), "x"), NOW)


def a_certificate(**fields: Any) -> Certificate:
    known: dict[str, Any] = {
        "profile": "plain", "platform": "linux/amd64", "grade": "native", "result": "PASSED",
        "certified_at": NOW, "expires_at": NOW + timedelta(days=30),
        "subjects": (digest(1), digest(2)),
    }  # fmt: skip
    return Certificate(**(known | fields))


def turn(kind: str, at: datetime, number: int = 1) -> Certificate:
    never = datetime(9999, 12, 31, tzinfo=UTC)
    every = {"profile": "*", "platform": "*", "grade": None, "result": "FAILED"}
    about = {"certified_at": at, "expires_at": never, "subjects": (digest(number),)}
    return a_certificate(**every, **about, **{kind: "a miner"})


ATTACHED: dict[str, tuple[list[Certificate], Why]] = {
    "nothing": ([], Why.UNLISTED),
    "a certificate": ([a_certificate()], Why.APPROVED),
    "with a warning": ([a_certificate(result="WARNED")], Why.APPROVED),
    "a rejection": ([a_certificate(result="FAILED", grade=None)], Why.REJECTED),
    "rejected since": (
        [a_certificate(result="FAILED", certified_at=LATER), a_certificate()], Why.REJECTED,
    ),
    "mended since": (
        [a_certificate(certified_at=LATER), a_certificate(result="FAILED")], Why.APPROVED,
    ),
    "rejected for another profile": (
        [a_certificate(), a_certificate(profile="devspace", result="FAILED", certified_at=LATER)],
        Why.APPROVED,
    ),
    "another image's": ([a_certificate(subjects=(digest(5),))], Why.UNLISTED),
    "another platform's": ([a_certificate(platform="linux/arm64")], Why.PLATFORM),
    "another profile's": ([a_certificate(profile="devspace")], Why.PROFILE),
    "expired": ([a_certificate(expires_at=NOW)], Why.EXPIRED),
    "revoked": ([a_certificate(), turn("revoked", EARLIER)], Why.REVOKED),
    "revoked, and certified again": (
        [turn("revoked", EARLIER), a_certificate(certified_at=LATER)], Why.REVOKED,
    ),
    "revoked and lifted": (
        [turn("revoked", EARLIER), turn("lifted", NOW), a_certificate()], Why.APPROVED,
    ),
    "lifted and revoked": (
        [turn("lifted", EARLIER), turn("revoked", NOW), a_certificate()], Why.REVOKED,
    ),
    "its manifest was revoked": ([a_certificate(), turn("revoked", NOW, 2)], Why.REVOKED),
    "its manifest was revoked, and only the index was lifted": (
        [a_certificate(), turn("revoked", EARLIER, 2), turn("lifted", NOW, 1)], Why.REVOKED,
    ),
    "the other platform's manifest was revoked": (
        [a_certificate(), a_certificate(platform="linux/arm64", subjects=(digest(1), digest(3))),
         turn("revoked", NOW, 3)],
        Why.APPROVED,
    ),
    "its manifest was rejected since, in another index": (
        [a_certificate(),
         a_certificate(result="FAILED", certified_at=LATER, subjects=(digest(7), digest(2)))],
        Why.REJECTED,
    ),
    "rejected since, as another writes its platform": (
        [a_certificate(platform="linux/amd64/v1", certified_at=EARLIER), a_certificate(),
         a_certificate(platform="linux/amd64/v1", result="FAILED", certified_at=LATER)],
        Why.REJECTED,
    ),
    "only lifted": ([turn("lifted", NOW)], Why.UNLISTED),
}  # fmt: skip


def test_a_manifest_that_a_registry_tells_revokes_and_certifies_nothing() -> None:
    vague = a_certificate(subjects=(digest(1),))
    question = replace(asked(1), manifest=digest(2))
    assert answer_attached(question, [vague], NOW).why is Why.APPROVED
    assert answer_attached(question, [vague, turn("revoked", NOW, 2)], NOW).why is Why.REVOKED
    other = a_certificate(subjects=(digest(7), digest(2)))
    assert answer_attached(question, [other], NOW).why is Why.UNLISTED


@pytest.mark.parametrize("name", ATTACHED)
def test_what_is_attached_answers(name: str) -> None:
    stated, why = ATTACHED[name]
    found = answer_attached(asked(1), stated, NOW)
    assert (found.why, found.approved) == (why, why is Why.APPROVED)
