"""The expansion of globs to images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

import pytest

from certify.model.errors import ImageUnavailable
from certify.sweep.expand import Catalog, Selection, expand, highest_versions, split_pattern
from certify.sweep.listing import parse_listing

HELD = {"team/app": ["1.2", "1.10", "1.9", "latest"], "team/db": ["1"], "other/app": ["1"]}


class ListedRegistry:
    """A registry in memory; tests/stories/test_sweep_registry.py has a real one."""

    def __init__(self, host: str) -> None:
        self.host = host

    def repositories(self, namespace: str) -> Iterator[str]:
        if self.host == "silent.example":
            raise ImageUnavailable("silent.example does not answer")
        return iter(HELD)

    def tags(self, repository: str) -> Iterator[str]:
        return iter(HELD[repository])


def connect(host: str) -> AbstractContextManager[Catalog]:
    return nullcontext(ListedRegistry(host))


def expanded(text: str, selection: Selection | None = None) -> list[str]:
    images, _ = expand(parse_listing(text, "list"), connect, selection or Selection())
    return [each.reference.familiar for each in images]


@pytest.mark.parametrize(
    ("pattern", "parts"),
    [
        ("registry.example/team/*:*", ("registry.example", "team/*", "*")),
        ("localhost:5000/*:1.*", ("localhost:5000", "*", "1.*")),
        ("repo:1.*", ("docker.io", "library/repo", "1.*")),
        ("team/app-[ab]:*", ("docker.io", "team/app-[ab]", "*")),
        ("127.0.0.1:99/a/b*", ("127.0.0.1:99", "a/b*", "latest")),
        ("docker.io/debian*:1*", ("docker.io", "library/debian*", "1*")),
        ("index.docker.io/team/*:*", ("docker.io", "team/*", "*")),
        ("index.docker.io/*:*", ("docker.io", "library/*", "*")),
        ("[2001:db8::1]:5000/team/*:*", ("[2001:db8::1]:5000", "team/*", "*")),
        ("[ab]*/app:*", ("docker.io", "[ab]*/app", "*")),
        ("library/*:12", ("docker.io", "library/*", "12")),
        ("x/*:1", ("docker.io", "x/*", "1")),
    ],
)
def test_pattern(pattern: str, parts: tuple[str, str, str]) -> None:
    assert split_pattern(pattern) == parts


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("r.example/team/*:*", ["team/app:1.2", "team/app:1.9", "team/app:1.10",
                                "team/app:latest", "team/db:1"]),
        ("r.example/team/app:1.*", ["team/app:1.2", "team/app:1.9", "team/app:1.10"]),
        ("r.example/*/app:1", ["other/app:1"]),
        ("r.example/team/*:9*", []),
        ("r.example/team/app:7", ["team/app:7"]),
    ],
)  # fmt: skip
def test_expand(line: str, found: list[str]) -> None:
    assert expanded(line) == [f"r.example/{each}" for each in found]


def test_selection() -> None:
    line = "r.example/team/*:*"
    assert expanded(line, Selection(max_tags=1)) == [
        "r.example/team/app:latest",
        "r.example/team/db:1",
    ]
    assert expanded(line, Selection(include=("*db*",))) == ["r.example/team/db:1"]
    assert expanded(line, Selection(exclude=("*app*",))) == ["r.example/team/db:1"]


def test_an_image_of_two_lines_is_listed_once_with_its_profile() -> None:
    text = "r.example/team/app:1.2 profile=plain\nr.example/team/db:*\nr.example/team/d*:*\n"
    images, _ = expand(parse_listing(text, "list"), connect, Selection())
    assert [(each.reference.familiar, each.profiles) for each in images] == [
        ("r.example/team/app:1.2", ("plain",)),
        ("r.example/team/db:1", ()),
    ]


def test_a_silent_registry_affects_only_its_own_lines() -> None:
    entries = parse_listing("silent.example/*:*\nr.example/team/db:*\n", "list")
    images, unlisted = expand(entries, connect, Selection())
    assert [each.reference.familiar for each in images] == ["r.example/team/db:1"]
    assert [(each.pattern, each.line) for each in unlisted] == [("silent.example/*:*", 1)]


def test_versions_are_compared_as_numbers() -> None:
    assert highest_versions(["1.9", "1.10", "latest", "edge", "1.2"], None) == [
        "edge",
        "1.2",
        "1.9",
        "1.10",
        "latest",
    ]
