"""The list as a gate reads it: the same fields as its writer's, and nothing but them."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest

from certify.model.approved import Approved, ApprovedList, Revocation
from certify.model.errors import ListUnavailable
from certify.signing.published_list import (
    ListedImage,
    ListedRevocation,
    ListHead,
    PublishedList,
    as_json,
    read,
)
from tests.factories import a_list, an_entry, raw_list


@pytest.mark.parametrize(
    ("mine", "writers", "entries"),
    [
        (ListHead, ApprovedList, {"images", "revoked"}),
        (ListedImage, Approved, set()),
        (ListedRevocation, Revocation, set()),
    ],
)
def test_the_fields_are_those_of_the_writer(mine: Any, writers: Any, entries: set[str]) -> None:
    required = {name.rstrip("_") for name, field in writers.model_fields.items()}
    assert {each.name for each in fields(mine)} == required - entries


@pytest.mark.parametrize(
    "entry",
    [
        an_entry(),
        an_entry(tag=None, manifest_digest=None, waived=("a.b",), boot_seconds=1.5, grade="native"),
        an_entry(provision_seconds=3, trust="official", grade="on-launch"),
    ],
)
def test_an_entry_is_read_and_written_as_it_was(entry: Approved) -> None:
    written = entry.model_dump(mode="json")
    found = read(ListedImage, written)
    assert json.loads(json.dumps(as_json(found))) == written
    assert (found.certified_at, found.expires_at) == (entry.certified_at, entry.expires_at)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"digest": 5}, "its digest: int instead of str"),
        ({"tag": 5}, "its tag: int instead of str"),
        ({"boot_seconds": True}, "its boot_seconds: bool instead of float"),
        ({"waived": "all"}, "its waived: str instead of list"),
        ({"waived": [1]}, "its waived: int instead of str"),
        ({"grade": "gold"}, "its grade: 'gold' is not a valid Grade"),
        ({"grade": []}, "its grade: "),
        ({"trust": "mine"}, "its trust: 'mine' is not a valid Trust"),
        ({"expires_at": "tomorrow"}, "its expires_at: Invalid isoformat"),
        ({"expires_at": "2026-01-01T00:00:00"}, "its expires_at: a moment without a time zone"),
        ({"expires_at": 5}, "its expires_at: int instead of str"),
        ({"more": 5}, "more is no field of it"),
        ({"digest": None}, "its digest: NoneType instead of str"),
    ],
)
def test_whatever_does_not_fit_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read(ListedImage, an_entry().model_dump(mode="json") | change)


def test_a_field_that_is_not_there_is_named() -> None:
    written = an_entry().model_dump(mode="json")
    del written["digest"]
    with pytest.raises(ValueError, match="missing 1 required keyword-only argument: 'digest'"):
        read(ListedImage, written)


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
        raw_list(a_list(an_entry())).replace(b'"boot_seconds": null', b'"boot_seconds": NaN'),
        raw_list(a_list(an_entry())).replace(b'"boot_seconds": null', b'"boot_seconds": 1e999'),
    ],
)
def test_what_is_no_list_is_nothing_to_go_by(raw: bytes) -> None:
    with pytest.raises(ListUnavailable, match="the place cannot be read") as refused:
        PublishedList.parse(raw, "the place")
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"certify/approved/v1", b"certify/approved/v2"),
        (b'"sequence"', b'"not_before": 1, "sequence"'),
    ],
)
def test_whoever_reads_a_list_of_a_newer_certify_is_told_to_update(old: bytes, new: bytes) -> None:
    with pytest.raises(ListUnavailable) as refused:
        PublishedList.parse(raw_list(a_list()).replace(old, new), "the place")
    assert "update this one" in refused.value.remedy
