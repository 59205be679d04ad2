"""The option ``--format`` of commands that certify, and the printing of their results."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from certify.cli import workflow
from certify.model.result import Result
from certify.publish.formats import RENDERERS
from certify.publish.markdown import markdown

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = ("text", *RENDERERS)
SUMMARY = "GITHUB_STEP_SUMMARY"
"""The environment variable that names the job summary of a step in a GitHub workflow."""


def format_option(function: F) -> F:
    """Add the option ``--format``, passed to the command as ``form``."""
    return click.option(
        "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True,
        help="What to print on standard output.",
    )(function)  # fmt: skip


def print_results(results: Sequence[Result], form: str, as_text: Callable[[], None]) -> None:
    """Print the results in a format; ``as_text`` prints them for people.

    The format ``github`` also adds them to the job summary, if there is one.
    """
    if form == "text":
        as_text()
    elif form == "github":
        workflow.command(RENDERERS[form](results))
        _add_to_summary(markdown(results))
    else:
        sys.stdout.write(RENDERERS[form](results))


def _add_to_summary(text: str) -> None:
    summary = os.environ.get(SUMMARY)
    if not summary:
        return
    try:
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        click.echo(f"certify: no job summary: {summary}: {error.strerror or error}", err=True)
