"""``certify report``: write everything under the reports folder again, from the ledger."""

from __future__ import annotations

import click

from certify.cli.output import format_option, inform, print_json
from certify.cli.storage import Storage, writing_options
from certify.publish.writer import update_reports
from certify.util.text import counted

SCHEMA = "certify/reports/v1"


@click.command()
@format_option(SCHEMA)
@writing_options
def report(*, output_format: str, storage: Storage) -> None:
    """Update the files under reports/ from the ledger.

    These are certificates, matrix, badges and site. Runs and sweeps update them, too; this is
    for a ledger that other hosts write to, and for certificates that have expired since.
    junit.xml stays as it is.

    \b
    Example:
      certify report --ledger postgresql://host/certify --reports public
    """
    with storage.open_ledger(create=False) as ledger:
        written = update_reports(storage.reports, ledger, layout=storage.layout)
    if output_format == "json":
        print_json(SCHEMA, {"reports": str(storage.reports), "images_written": written})
    images = counted(written, "image")
    inform(f"{storage.reports} is up to date: files of {images} written")
