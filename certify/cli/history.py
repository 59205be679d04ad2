"""``certify history IMAGE``: all results of one image."""

from __future__ import annotations

import sys

import click
from rich.console import Console

from certify.cli.completion import completes, recorded_images
from certify.cli.output import format_option
from certify.cli.storage import Storage, not_recorded, storage_options
from certify.model.reference import Reference
from certify.publish.history import print_history
from certify.publish.json_report import report_json


@click.command()
@click.argument("image", shell_complete=completes(recorded_images))
@format_option("certify/report/v1")
@storage_options
def history(*, image: str, output_format: str, storage: Storage) -> None:
    """Show all results of one image, run by run, with boot times.

    \b
    Example:
      certify history debian:12
    """
    reference = Reference.parse(image).familiar
    with storage.open_ledger(create=False) as ledger:
        results = ledger.history(reference)
    if output_format == "json":
        sys.stdout.write(report_json(results))
    elif results:
        print_history(reference, results, Console())
    else:
        raise not_recorded(reference)
