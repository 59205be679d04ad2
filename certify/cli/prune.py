"""``certify prune``: remove old results from the ledger, never what stands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from certify.cli.output import format_option, print_json
from certify.cli.storage import Storage, storage_options
from certify.model.errors import UsageError
from certify.publish.writer import update_reports
from certify.util.text import counted

SCHEMA = "certify/prune/v1"


@click.command()
@click.option(
    "--keep", type=click.IntRange(min=1), metavar="N",
    help="Keep the last N results of each image and profile, however old.",
)  # fmt: skip
@click.option(
    "--older-than", type=click.IntRange(min=1, max=36500), metavar="DAYS",
    help="Remove only results that are older.",
)  # fmt: skip
@click.option("-n", "--dry-run", is_flag=True, help="Only count the results.")
@format_option(SCHEMA)
@storage_options
def prune(
    *,
    keep: int | None,
    older_than: int | None,
    dry_run: bool,
    output_format: str,
    storage: Storage,
) -> None:
    """Remove old results from the ledger, never what stands.

    With both options, a result goes if it is old and not among the last N. No verdict changes,
    neither in the matrix nor for an image to which a tag may lead again.

    \b
    Example:
      certify prune --keep 10 --older-than 90
    """
    if keep is None and older_than is None:
        raise UsageError(
            "Nothing says which results to remove.",
            remedy="Name --keep N, --older-than DAYS, or both.",
        )
    before = datetime.now(UTC) - timedelta(days=older_than) if older_than else None
    with storage.open_ledger(create=False) as ledger:
        removed, left = ledger.retention.prune(keep, before, dry_run=dry_run)
        if removed and not dry_run:
            update_reports(storage.reports, ledger)
    if output_format == "json":
        print_json(SCHEMA, {"removed": removed, "left": left, "dry_run": dry_run})
    else:
        does = "would be removed" if dry_run else "removed"
        click.echo(f"{counted(removed, 'result')} {does}, {left} left")
