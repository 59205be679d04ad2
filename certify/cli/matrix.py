"""``certify matrix``: the compatibility matrix from the ledger."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import click
from rich.console import Console

from certify.cli.output import format_option
from certify.cli.storage import Storage, storage_options
from certify.publish.matrix import matrix_json, matrix_markdown, print_matrix
from certify.publish.matrix_csv import matrix_csv


@click.command()
@click.option("--profile", metavar="NAME", help="Only certificates of this profile.")
@format_option("certify/matrix/v1", "markdown", "csv")
@storage_options
def matrix(*, profile: str | None, output_format: str, storage: Storage) -> None:
    """Show every recorded image with its verdict, from the ledger.

    \b
    Example:
      certify matrix --profile devspace
    """
    with storage.open_ledger(create=False) as ledger:
        results = [short for _, short in ledger.summaries(ledger.matrix_rows(profile))]
    now = datetime.now(UTC)
    if output_format == "text":
        print_matrix(results, Console(), now=now)
    elif output_format == "json":
        sys.stdout.writelines(matrix_json(results, now))
    else:
        renderers = {"markdown": matrix_markdown, "csv": matrix_csv}
        sys.stdout.write(renderers[output_format](results, now))
