"""``certify forget IMAGE...``: take images out of the ledger."""

from __future__ import annotations

import click

from certify.cli.completion import completes, recorded_images
from certify.cli.output import format_option, print_json
from certify.cli.storage import Storage, not_recorded, storage_options
from certify.model.errors import UsageError
from certify.model.reference import Reference
from certify.publish.writer import update_reports
from certify.util.text import counted

SCHEMA = "certify/forget/v1"


@click.command()
@click.argument(
    "images", nargs=-1, required=True, metavar="IMAGE...",
    shell_complete=completes(recorded_images),
)  # fmt: skip
@click.option("-n", "--dry-run", is_flag=True, help="Only count the results.")
@format_option(SCHEMA)
@storage_options
def forget(*, images: tuple[str, ...], dry_run: bool, output_format: str, storage: Storage) -> None:
    """Take images out of the ledger.

    All results under these names go, and their files. An approved-images list changes with the
    next `certify publish`. To forbid an image, revoke it.

    \b
    Example:
      certify forget registry.example/team/old:1
    """
    names = sorted({Reference.parse(image).familiar for image in images})
    with storage.open_ledger(create=False) as ledger:
        count, depends = ledger.retention.forget(names, dry_run=dry_run)
        if depends:
            raise UsageError(
                f"a result of {', '.join(names)} stands for the same image as {depends[0]}, too:"
                " without it, an older verdict would come back",
                remedy=f"Certify {depends[0]} again first, or forget it in the same command:"
                f" certify forget {' '.join(names + depends)}",
            )
        if not count:
            raise not_recorded(", ".join(names))
        if not dry_run:
            update_reports(storage.reports, ledger)
    if output_format == "json":
        print_json(SCHEMA, {"images": names, "removed": count, "dry_run": dry_run})
    else:
        does = "would be removed" if dry_run else "removed"
        click.echo(f"{counted(count, 'result')} {does}")
