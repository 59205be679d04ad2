"""``certify history IMAGE`` and ``certify diff``: what was, and what changed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from rich.console import Console

from certify.cli.options import open_ledger, reports_options
from certify.ledger.changes import find_changes
from certify.model.errors import UsageError
from certify.model.reference import Reference
from certify.publish.history import print_history
from certify.publish.json_report import report_json
from certify.sweep.render import print_changes


@click.command()
@click.argument("image")
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="What to print.",
)  # fmt: skip
@reports_options
def history(*, image: str, form: str, reports: Path, ledger: str | None) -> None:
    """Show how one image fared, run by run, with its boot time.

    \b
    Example:
      certify history debian:12
    """
    reference = Reference.parse(image).familiar
    with open_ledger(ledger, reports, make=False) as store:
        results = store.history(reference)
    if form == "json":
        sys.stdout.write(report_json(results))
    elif results:
        print_history(reference, results, Console())
    else:
        raise UsageError(
            f"Nothing is recorded of {reference}.", remedy="`certify matrix` shows what is."
        )


@click.command()
@click.option("--list", "source", metavar="LIST", help="Only sweeps of this list.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="What to print.",
)  # fmt: skip
@reports_options
def diff(*, source: str | None, form: str, reports: Path, ledger: str | None) -> None:
    """Show what broke, was fixed, moved, appeared or vanished in the last sweep.

    \b
    Example:
      certify diff --list images.txt
    """
    with open_ledger(ledger, reports, make=False) as store:
        last = store.sweeps.finished(1, source)
        if not last:
            raise UsageError("No sweep is recorded.", remedy="`certify sweep` makes one.")
        newest = last[0]
        earlier = [each for each in store.sweeps.finished(2, newest.source) if each.id != newest.id]
        if not earlier:
            raise UsageError(
                f"{newest.source} was swept once only, so there is nothing to compare with.",
                remedy="Sweep it again.",
            )
        before, after = store.sweeps.entries(earlier[0].id), store.sweeps.entries(newest.id)
    changed = find_changes(before, after)
    if form == "json":
        rows = [
            {
                "kind": change.kind.json_name,
                "reference": change.image.reference,
                "profile": change.image.profile,
                "platform": change.image.platform,
                "before": change.before and change.before.status.value,
                "after": change.after and change.after.status.value,
                "cause": change.image.cause,
            }
            for change in changed
        ]
        click.echo(json.dumps({"schema": "certify/diff/v1", "changes": rows}, indent=2))
    else:
        print_changes(changed, Console())
