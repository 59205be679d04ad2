"""Normal forms of platforms."""

from __future__ import annotations

import click
import pytest

from certify.cli.parameters import platform
from certify.model.errors import BadListing
from certify.model.platform import host_platform, normalize_platform
from certify.sweep.listing import parse_listing


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/amd64/v1", "linux/amd64"),
        ("linux/amd64/v3", "linux/amd64/v3"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm/v6", "linux/arm/v6"),
        ("Linux/AMD64", "linux/amd64"),
    ],
)
def test_platforms_have_one_normal_form(text: str, normal: str) -> None:
    assert normalize_platform(text) == normal
    assert normalize_platform(normal) == normal


def test_the_platform_of_this_host_is_normal() -> None:
    assert normalize_platform(host_platform()) == host_platform()


@pytest.mark.parametrize("text", ["linux/arm/v7", "linux/arm64/v8.2", "linux/x_1"])
def test_lists_and_options_accept_the_same_platforms(text: str) -> None:
    (entry,) = parse_listing(f"debian platform={text}", "list")
    assert entry.platform == text == platform(text)


@pytest.mark.parametrize("text", ["linux/", "linux/arm/v7/x", "linux/arm.", "LINUX/arm"])
def test_lists_and_options_refuse_the_same_platforms(text: str) -> None:
    with pytest.raises(BadListing):
        parse_listing(f"debian platform={text}", "list")
    with pytest.raises(click.BadParameter):
        platform(text)
