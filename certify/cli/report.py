"""``certify report``: write everything under the reports folder anew, from the ledger."""

from __future__ import annotations

from pathlib import Path

import click

from certify.cli.options import open_ledger, reports_options
from certify.publish.site.build import write_site
from certify.publish.writer import write_standing


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
    with open_ledger(ledger, reports) as store:
        results = store.standing_by_reference()
        write_standing(reports, results)
        written = write_site(reports, store)
    click.echo(
        f"certify: {len(results)} results in {reports}; pages of {written} images are new", err=True
    )
