"""Groups of options, and types of parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import click
import pytest
from click.testing import CliRunner

from certify.cli.parameters import (
    FiniteNumber,
    address,
    engine_address,
    grouped,
    host_or_range,
    platform,
    platform_or_all,
    size,
)


@dataclass
class Pair:
    first: str
    second: str | None


@click.command()
@grouped("pair", Pair, click.option("--first", default="x"), click.option("--second"))
@click.option("--other")
def example(*, pair: Pair, other: str | None) -> None:
    """Show what the command gets."""
    click.echo(f"{pair} {other}")


def test_a_group_arrives_as_one_value() -> None:
    ended = CliRunner().invoke(example, ["--second", "y", "--other", "z"])
    assert ended.output == "Pair(first='x', second='y') z\n"


def test_the_options_of_a_group_keep_their_order_and_the_help() -> None:
    assert [each.name for each in example.params] == ["first", "second", "other"]
    assert "Show what the command gets." in CliRunner().invoke(example, ["--help"]).output


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (size, "4G", "4g"),
        (FiniteNumber(min=1), "2.5", 2.5),
        (platform, "linux/arm64/v8", "linux/arm64"),
        (platform_or_all, "linux/arm64/v8", "linux/arm64"),
        (platform_or_all, "all", "all"),
        (engine_address, "arm64=ssh://me@host", ("linux/arm64", "ssh://me@host")),
        (engine_address, "arm=tcp://[::1]:2375", ("linux/arm", "tcp://[::1]:2375")),
        (engine_address, "linux/arm64/v8=unix:///a/b", ("linux/arm64", "unix:///a/b")),
        (engine_address, "arm/v6=tcp://h:2376", ("linux/arm/v6", "tcp://h:2376")),
        (address, "registry.example", ("registry.example", 443)),
        (address, "127.0.0.1:5000", ("127.0.0.1", 5000)),
        (host_or_range, "mirror.example", "mirror.example"),
        (host_or_range, "mirror", "mirror"),
        (host_or_range, "apt_2.corp.", "apt_2.corp."),
        (host_or_range, "3.mirror", "3.mirror"),
        (host_or_range, "10.1.2.3", "10.1.2.3"),
        (host_or_range, "10.1.2.3/16", "10.1.2.3/16"),
    ],
)
def test_a_good_value(kind: Callable[[str], object], text: str, value: object) -> None:
    assert kind(text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (size, "lots"), (size, "0"), (size, "4 g"),
        (FiniteNumber(min=1), "nan"), (FiniteNumber(min=1), "inf"), (FiniteNumber(min=1), "0"),
        (platform, "arm64"), (platform, "windows/amd64"),
        (platform_or_all, "every"), (engine_address, "arm64"), (engine_address, "=unix:///a"),
        (engine_address, "arm64=tcp://host"), (engine_address, "arm64=host:2375"),
        (engine_address, "windows/amd64=unix:///a"), (engine_address, "arm64=unix://"),
        (engine_address, "ARM64=tcp://h:1"), (engine_address, "arm64=http://h:1"),
        (host_or_range, "10"), (host_or_range, "10.1.2"), (host_or_range, "10.1.2.256"),
        (host_or_range, "0x7f000001"), (host_or_range, "a.0x1."), (host_or_range, "10.1.2.3/33"),
        (host_or_range, "fd00::1"), (host_or_range, "fd00::/8"), (host_or_range, "[::1]"),
        (host_or_range, "http://mirror"), (host_or_range, "mirror:80"), (host_or_range, ""),
        (host_or_range, "a..b"), (host_or_range, "a b"), (host_or_range, "-a"),
        (host_or_range, "a-.b"), (host_or_range, "*.corp"), (host_or_range, "a" * 64),
        (host_or_range, "a." * 127 + "a"), (host_or_range, "mirror\n"), (host_or_range, "."),
        (address, "r.example:0"), (address, "a b"), (address, "http://r.example"),
    ],
)  # fmt: skip
def test_a_bad_value(kind: Callable[[str], object], text: str) -> None:
    with pytest.raises(click.BadParameter):
        kind(text)


def test_an_address_that_is_refused_is_named_without_its_password() -> None:
    with pytest.raises(click.BadParameter, match=r"arm64=http://me:\*\*\*@h:1"):
        engine_address("arm64=http://me:hush@h:1")
