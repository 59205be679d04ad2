"""The output of ``certify run``, once all is certified."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click
from rich.console import Console

from certify.cli.results import Printing, print_results, print_site
from certify.fix.proposal import is_offered
from certify.model.file_names import LAYOUTS, certificate_stem
from certify.model.result import Result
from certify.publish.text import NextSteps, print_report
from certify.publish.timeline import text_timeline


def print_run(
    results: Sequence[Result], reports: Path, printing: Printing, output_format: str
) -> None:
    """Print the results of a run in a format; for people with the next steps."""

    def show() -> None:
        next_steps = partial(next_steps_of, reports)
        print_report(results, Console(), next_steps=next_steps, verbose=printing.verbose)
        if len(results) > 1:
            print_site(reports)
        for result in results if printing.timings else ():
            # The engine removes a container meanwhile, and beyond this moment.
            tail = datetime.now(UTC) - result.finished_at if len(results) == 1 else None
            lines = text_timeline(result, tail.total_seconds() if tail else None)
            click.echo("\n".join(("", *lines)))

    print_results(results, output_format, show)


def next_steps_of(reports: Path, result: Result) -> NextSteps:
    """Return whether certify can fix the image, and the file with the page of the result."""
    paths = [reports / "images" / f"{certificate_stem(result, each)}.html" for each in LAYOUTS]
    page = next((str(each) for each in paths if each.exists()), None)
    return NextSteps(fix=is_offered(result), page=page)
