"""Manifests and indexes: their digests and platforms, whatever a registry claims."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.registry.manifests import (
    DOCKER_INDEX,
    INDEX,
    MANIFEST,
    check_digest,
    digests_of_platform,
    is_index,
    platform_of,
)
from tests.factories import digest


@given(content=st.binary(), other=st.binary(), name=st.sampled_from(["sha256", "sha384", "sha512"]))
def test_only_the_content_itself_has_its_digest(content: bytes, other: bytes, name: str) -> None:
    right = f"{name}:{hashlib.new(name, content).hexdigest()}"
    check_digest(content, right)
    if other != content:
        with pytest.raises(ValueError, match="does not match"):
            check_digest(other, right)


@pytest.mark.parametrize("text", ["", "sha256:", "md5:d41d8cd98f00b204e9800998ecf8427e", "x" * 71])
def test_what_is_no_digest_matches_nothing(text: str) -> None:
    with pytest.raises(ValueError, match="does not match"):
        check_digest(b"", text)


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        ({"mediaType": INDEX}, True),
        ({"mediaType": DOCKER_INDEX}, True),
        ({"manifests": []}, True),
        ({"mediaType": MANIFEST, "layers": []}, False),
        ({}, False),
    ],
)
def test_an_index_is_told_by_its_type_or_content(manifest: dict[str, Any], expected: bool) -> None:
    assert is_index(manifest) is expected


def entry(number: int, **platform: str) -> dict[str, Any]:
    return {"digest": digest(number), "platform": {"os": "linux", **platform}}


ENTRIES = [
    entry(1, architecture="amd64"),
    entry(2, architecture="arm", variant="v7"),
    entry(3, architecture="arm", variant="v6"),
    entry(5, architecture="s390x"),
    entry(4, architecture="s390x"),
    {"digest": "sha256:no", "platform": {"os": "linux", "architecture": "riscv64"}},
    {"digest": digest(6)},
]


@pytest.mark.parametrize(
    ("platform", "numbers"),
    [
        ("linux/amd64", [1]),
        ("linux/arm/v7", [2]),
        ("linux/arm/v6", [3]),
        ("linux/s390x", [4, 5]),
        ("linux/amd64/v2", [1]),
        ("linux/riscv64", []),
        ("linux/ppc64le", []),
    ],
)
def test_the_manifests_of_a_platform_are_found(platform: str, numbers: list[int]) -> None:
    assert digests_of_platform(ENTRIES, platform) == [digest(each) for each in numbers]


def test_an_entry_may_name_no_platform() -> None:
    assert platform_of({"platform": None}) == platform_of({}) == ""
