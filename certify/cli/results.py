"""The output of commands that certify: results in any format, and problems of recording them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from certify.cli import github_workflow
from certify.cli.exit_codes import CERTIFIED, INCONCLUSIVE
from certify.cli.output import format_option, inform
from certify.cli.parameters import grouped
from certify.publish.formats import LOCATED, RENDERERS
from certify.util.text import printable

if TYPE_CHECKING:  # many formats need no results as values
    from certify.model.result import Result
    from certify.publish.places import Places

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = ("text", *RENDERERS)
SUMMARY = "GITHUB_STEP_SUMMARY"
"""The environment variable that names the job summary of a step in a GitHub workflow."""


@dataclass(frozen=True, slots=True)
class Printing:
    """The options of what is printed, as parsed."""

    verbose: bool
    timings: bool
    quiet: bool


printing_options = grouped(
    "printing",
    Printing,
    click.option(
        "-v", "--verbose", is_flag=True, help="Also print all evidence and skipped checks."
    ),
    click.option("--timings", is_flag=True, help="Also print where the time went."),
    click.option("-q", "--quiet", is_flag=True, help="Print no progress, only the results."),
)


def result_format_option(function: F) -> F:
    """Add ``--format`` with every format of results."""
    others = [name for name in FORMATS if name not in ("text", "json")]
    return format_option("certify/report/v1", *others)(function)


def print_results(
    results: Sequence[Result],
    output_format: str,
    as_text: Callable[[], None],
    places: Places | None = None,
) -> None:
    """Print the results in a format; ``as_text`` prints them for people.

    ``places`` are where the images are named, for formats with places.

    The format ``github`` also adds them to the job summary, if there is one.
    """
    if output_format == "text":
        as_text()
        return
    located = (places or {},) if output_format in LOCATED else ()
    text = RENDERERS[output_format](results, *located)
    if output_format == "github":
        github_workflow.print_commands(text)
        _add_to_summary(RENDERERS["markdown"](results))
    else:
        sys.stdout.write(text)


def print_site(reports: Path, url: str | None = None) -> None:
    """Print where the site is that has the results of many images, if it could be written.

    ``url`` is the address at which the reports folder is served, if it is.
    """
    if (page := reports / "index.html").exists():
        click.echo(f"Report: {printable(url or str(page))}")


def report_errors(errors: Sequence[str]) -> int:
    """Print the errors of a recorder; return the exit code if all images are certified."""
    for error in errors:
        inform(f"not recorded: {error}")
    return INCONCLUSIVE if errors else CERTIFIED


def _add_to_summary(text: str) -> None:
    summary = os.environ.get(SUMMARY)
    if not summary:
        return
    try:
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        inform(f"no job summary: {summary}: {error.strerror or error}")
