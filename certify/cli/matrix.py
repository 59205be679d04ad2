"""``certify matrix``: the compatibility matrix from the ledger."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from certify.cli.options import open_ledger, reports_options
from certify.publish.matrix import matrix_json, matrix_markdown, print_matrix
from certify.publish.matrix_csv import matrix_csv


@click.command()
@click.option("--profile", metavar="NAME", help="Only certificates of this profile.")
@click.option(
    "--format", "form", type=click.Choice(["text", "markdown", "json", "csv"]), default="text",
    show_default=True, help="What to print.",
)  # fmt: skip
@reports_options
def matrix(*, profile: str | None, form: str, reports: Path, ledger: str | None) -> None:
    """Show which images passed what.

    \b
    Example:
      certify matrix --profile devspace
    """
    with open_ledger(ledger, reports, make=False) as store:
        results = store.matrix_results(profile)
    now = datetime.now(UTC)
    if form == "text":
        print_matrix(results, Console(), now=now)
    elif form == "json":
        sys.stdout.write(matrix_json(results))
    else:
        written = {"markdown": matrix_markdown, "csv": matrix_csv}
        sys.stdout.write(written[form](results, now))
