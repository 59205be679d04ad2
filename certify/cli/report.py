"""``certify report``: write everything under the reports folder anew, from the ledger."""

from __future__ import annotations

from pathlib import Path

import click

from certify.cli.options import open_ledger, reports_options
from certify.publish.writer import update_reports


@click.command()
@reports_options
def report(*, reports: Path, ledger: str | None) -> None:
    """Bring certificates, matrix, badges and site up to date with the ledger.

    Runs and sweeps do so themselves; this is for a ledger that others write to, and for
    badges, of which some may have expired. junit.xml stays: it tells of a run.

    \b
    Example:
      certify report --ledger postgresql://host/certify --reports public
    """
    with open_ledger(ledger, reports, make=False) as store:
        written = update_reports(reports, store)
    told = f"{written} image{'s' * (written != 1)} written anew"
    click.echo(f"certify: {reports} is up to date: the files of {told}", err=True)
