"""Groups of options, and types of parameters."""

from __future__ import annotations

from dataclasses import dataclass

import click
import pytest
from click.testing import CliRunner

from certify.cli.parameters import (
    Address,
    EngineAddress,
    FiniteNumber,
    Memory,
    Platform,
    PlatformOrAll,
    grouped,
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
        (Memory(), "4G", "4g"),
        (FiniteNumber(min=1), "2.5", 2.5),
        (Platform(), "linux/arm64/v8", "linux/arm64"),
        (PlatformOrAll(), "linux/arm64/v8", "linux/arm64"),
        (PlatformOrAll(), "all", "all"),
        (EngineAddress(), "arm64=ssh://me@host", ("linux/arm64", "ssh://me@host")),
        (EngineAddress(), "arm=tcp://[::1]:2375", ("linux/arm", "tcp://[::1]:2375")),
        (EngineAddress(), "linux/arm64/v8=unix:///a/b", ("linux/arm64", "unix:///a/b")),
        (EngineAddress(), "arm/v6=tcp://h:2376", ("linux/arm/v6", "tcp://h:2376")),
        (Address(), "registry.example", ("registry.example", 443)),
        (Address(), "127.0.0.1:5000", ("127.0.0.1", 5000)),
    ],
)
def test_a_good_value(kind: click.ParamType[object], text: str, value: object) -> None:
    assert kind.convert(text, None, None) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Memory(), "lots"), (Memory(), "0"), (Memory(), "4 g"),
        (FiniteNumber(min=1), "nan"), (FiniteNumber(min=1), "inf"), (FiniteNumber(min=1), "0"),
        (Platform(), "arm64"), (Platform(), "windows/amd64"),
        (PlatformOrAll(), "every"), (EngineAddress(), "arm64"), (EngineAddress(), "=unix:///a"),
        (EngineAddress(), "arm64=tcp://host"), (EngineAddress(), "arm64=host:2375"),
        (EngineAddress(), "windows/amd64=unix:///a"), (EngineAddress(), "arm64=unix://"),
        (EngineAddress(), "ARM64=tcp://h:1"), (EngineAddress(), "arm64=http://h:1"),
        (Address(), "r.example:0"), (Address(), "a b"), (Address(), "http://r.example"),
    ],
)  # fmt: skip
def test_a_bad_value(kind: click.ParamType[object], text: str) -> None:
    with pytest.raises(click.BadParameter):
        kind.convert(text, None, None)
