"""What commands that certify print on standard output, in the format that was asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from certify.cli import workflow
from certify.model.result import Result
from certify.publish.github import workflow_commands
from certify.publish.json_report import report_json
from certify.publish.junit import junit_xml
from certify.publish.markdown import markdown

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = ("text", "json", "junit", "markdown", "github")
SUMMARY = "GITHUB_STEP_SUMMARY"
"""Names the file to which a step of a GitHub workflow adds its part of the job summary."""


def format_option(function: F) -> F:
    """Add ``--format``; the command gets it as ``form``."""
    return click.option(
        "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True,
        help="What to print on standard output.",
    )(function)  # fmt: skip


def print_results(results: Sequence[Result], form: str, as_text: Callable[[], None]) -> None:
    """Print the results; ``as_text`` does so for people.

    ``github`` also adds to the job summary, if there is one.
    """
    if form == "json":
        sys.stdout.write(report_json(results))
    elif form == "junit":
        sys.stdout.write(junit_xml(results))
    elif form == "markdown":
        sys.stdout.write(markdown(results))
    elif form == "github":
        workflow.command(workflow_commands(results))
        _summarize(markdown(results))
    else:
        as_text()


def _summarize(text: str) -> None:
    summary = os.environ.get(SUMMARY)
    if not summary:
        return
    try:
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        click.echo(f"certify: no job summary: {summary}: {error.strerror or error}", err=True)
