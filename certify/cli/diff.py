"""``certify diff``: the changes between the last two sweeps of a list."""

from __future__ import annotations

import click
from rich.console import Console

from certify.cli.output import format_option, print_json
from certify.cli.storage import Storage, storage_options
from certify.ledger.changes import Change, find_changes
from certify.model.errors import UsageError
from certify.sweep.render import print_changes

SCHEMA = "certify/diff/v1"


@click.command()
@click.option("--list", "source", metavar="LIST", help="Only sweeps of this list.")
@format_option(SCHEMA)
@storage_options
def diff(*, source: str | None, output_format: str, storage: Storage) -> None:
    """Show what changed between the last two sweeps of a list.

    Images can break, be fixed, become unclear, move to another digest, appear or vanish.

    \b
    Example:
      certify diff --list images.txt
    """
    with storage.open_ledger(create=False) as ledger:
        sweeps = ledger.sweeps
        last = sweeps.finished(1, source)
        if not last:
            raise UsageError("No sweep is recorded.", remedy="Run `certify sweep` first.")
        newest = last[0]
        earlier = [each for each in sweeps.finished(2, newest.source) if each.id != newest.id]
        if not earlier:
            raise UsageError(
                f"{newest.source} was swept only once, so there is nothing to compare.",
                remedy="Sweep it again.",
            )
        changed = find_changes(sweeps.entries(earlier[0].id), sweeps.entries(newest.id))
    if output_format == "json":
        print_json(SCHEMA, {"changes": [_fields(change) for change in changed]})
    else:
        print_changes(changed, Console())


def _fields(change: Change) -> dict[str, object]:
    return {
        "kind": change.kind.json_name,
        "reference": change.image.reference,
        "profile": change.image.profile,
        "platform": change.image.platform,
        "before": change.before and change.before.status.value,
        "after": change.after and change.after.status.value,
        "cause": change.image.cause,
    }
