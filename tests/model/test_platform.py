"""One way to write a platform of which there are several."""

from __future__ import annotations

import click
import pytest

from certify.cli.certification import Platform
from certify.model.errors import BadListing
from certify.model.platform import normal, of_this_host
from certify.sweep.listing import parse_listing


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/amd64/v1", "linux/amd64"),
        ("linux/amd64/v3", "linux/amd64/v3"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm/v6", "linux/arm/v6"),
        ("Linux/AMD64", "linux/amd64"),
    ],
)
def test_platforms_have_one_name(written: str, meant: str) -> None:
    assert normal(written) == meant
    assert normal(meant) == meant


def test_this_host_has_one() -> None:
    assert normal(of_this_host()) == of_this_host()


@pytest.mark.parametrize("written", ["linux/arm/v7", "linux/arm64/v8.2", "linux/x_1"])
def test_a_list_and_an_option_understand_the_same(written: str) -> None:
    (entry,) = parse_listing(f"debian platform={written}", "list")
    assert entry.platform == written == Platform().convert(written, None, None)


@pytest.mark.parametrize("written", ["linux/", "linux/arm/v7/x", "linux/arm.", "LINUX/arm"])
def test_and_refuse_the_same(written: str) -> None:
    with pytest.raises(BadListing):
        parse_listing(f"debian platform={written}", "list")
    with pytest.raises(click.BadParameter):
        Platform().convert(written, None, None)
