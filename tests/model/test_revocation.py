"""Revocations, and the other digests that they cover."""

from __future__ import annotations

import pytest

from certify.model.approved import Revocation
from certify.model.revocation import Indexes, find_revocation, merge_revocations, split_revoked
from tests.factories import NOW, a_list, an_entry, digest

MANIFEST, INDEX, OTHER = digest(1), digest(2), digest(3)


def revocation(of: str, reason: str = "a miner", *indexes: str) -> Revocation:
    return Revocation(
        digest=of, reference="debian:12", reason=reason, revoked_at=NOW, indexes=indexes
    )


def test_indexes_come_from_listed_revoked_and_added_images() -> None:
    listed = an_entry(digest=digest(4), manifest_digest=MANIFEST)
    before = a_list(listed, revoked=(revocation(MANIFEST, "a miner", digest(5)),))
    indexes = Indexes(before)
    indexes.add(MANIFEST, INDEX)
    (named,) = indexes.complete([revocation(MANIFEST)])
    assert set(named.indexes) == {INDEX, digest(4), digest(5)}


@pytest.mark.parametrize("index", [None, MANIFEST])
def test_an_image_without_an_index_adds_none(index: str | None) -> None:
    indexes = Indexes(None)
    indexes.add(MANIFEST, index)
    (named,) = indexes.complete([revocation(MANIFEST)])
    assert named.indexes == ()


@pytest.mark.parametrize(
    ("recorded", "known", "listed", "expected"),
    [
        pytest.param([MANIFEST], {MANIFEST}, [], {MANIFEST: "ledger"}, id="recorded"),
        pytest.param([], set(), [MANIFEST], {MANIFEST: "list"}, id="a new ledger"),
        pytest.param([], {MANIFEST}, [MANIFEST], {}, id="lifted since"),
        pytest.param([MANIFEST], {MANIFEST}, [MANIFEST], {MANIFEST: "ledger"}, id="in both"),
        pytest.param(
            [OTHER], {OTHER}, [MANIFEST], {OTHER: "ledger", MANIFEST: "list"}, id="different"
        ),
    ],
)
def test_the_list_counts_only_for_digests_unknown_to_the_ledger(
    recorded: list[str], known: set[str], listed: list[str], expected: dict[str, str]
) -> None:
    before = a_list(revoked=tuple(revocation(each, "list") for each in listed))
    found = merge_revocations([revocation(each, "ledger") for each in recorded], known, before)
    assert {each.digest: each.reason for each in found} == expected
    assert [each.digest for each in found] == sorted(expected)


@pytest.mark.parametrize(
    ("named", "manifest", "expected"),
    [
        pytest.param(INDEX, MANIFEST, True, id="its manifest"),
        pytest.param(MANIFEST, MANIFEST, True, id="without an index"),
        pytest.param(MANIFEST, None, True, id="as it is named"),
        pytest.param(OTHER, MANIFEST, True, id="in an unknown index"),
        pytest.param(INDEX, OTHER, False, id="another manifest of that index"),
        pytest.param(INDEX, None, True, id="an index of it, the manifest unknown"),
        pytest.param(INDEX, INDEX, True, id="an index of it, in an older list"),
        pytest.param(OTHER, None, False, id="another index, the manifest unknown"),
        pytest.param(None, None, False, id="an image that no registry has"),
    ],
)
def test_a_revocation_covers_what_is_or_may_be_in_an_image(
    named: str | None, manifest: str | None, *, expected: bool
) -> None:
    found = revocation(MANIFEST, "a miner", INDEX)
    others = [revocation(digest(8)), revocation(digest(9), "x", digest(7))]
    assert find_revocation(named, manifest, [*others, found]) == (found if expected else None)
    assert find_revocation(named, manifest, others) is None


@pytest.mark.parametrize("by", ["digest", "manifest_digest"])
def test_a_revoked_image_is_removed_by_either_of_its_digests(by: str) -> None:
    bad = an_entry(reference="bad:1", digest=INDEX, manifest_digest=MANIFEST)
    good = an_entry(reference="good:1", digest=OTHER, manifest_digest=OTHER)
    remaining, removed = split_revoked([bad, good], [revocation(getattr(bad, by))])
    assert remaining == [good]
    assert removed == {bad.key: "revoked: a miner"}
