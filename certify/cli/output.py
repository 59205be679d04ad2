"""The option ``--format``, and JSON on standard output."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, TypeVar

import click

from certify.util.text import line_breaks, safe_json

F = TypeVar("F", bound=Callable[..., Any])


def format_option(schema: str, *others: str) -> Callable[[F], F]:
    """Return a decorator that adds ``--format``: text, JSON of this schema, and ``others``.

    The command gets the choice as ``output_format``.
    """
    return click.option(
        "--format", "output_format", type=click.Choice(["text", "json", *others]), default="text",
        show_default=True,
        help=f"Format of the output; json is {schema} (`certify help reports.md`).",
    )  # fmt: skip


def inform(text: str) -> None:
    """Print a line on standard error, after certify's name."""
    click.echo(folded(f"certify: {text}"), err=True)


def folded(text: str) -> str:
    """Return text for standard error: on a terminal, lines break between words and `commands`."""
    if not sys.stderr.isatty():
        return text
    width = os.get_terminal_size(sys.stderr.fileno()).columns or 80  # 0 if nobody has set it
    return "\n".join(hanging(line, width) for line in text.split("\n"))


def hanging(line: str, width: int, first: str = "", rest: str = "  ") -> str:
    """Return a line with ``first`` before it, and ``rest`` before what is too long for its row."""
    fits = len(first) + len(line) <= width
    breaks = () if fits else line_breaks(line, width - max(len(first), len(rest)))
    parts = (line[start:end] for start, end in pairwise((0, *breaks, len(line))))
    return first + f"\n{rest}".join(part.rstrip() for part in parts)


def print_json(schema: str, fields: Mapping[str, object]) -> None:
    """Print an object with its schema as JSON; invisible characters in it are escaped."""
    sys.stdout.write(safe_json({"schema": schema, **fields}, indent=2) + "\n")
