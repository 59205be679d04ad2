"""``certify run IMAGE...``: certify, print, record, write reports.

Exit codes: 0 all certified, 1 at least one rejected, 2 wrong usage (nothing was run),
3 none rejected and at least one inconclusive, 130 interrupted and cleaned up.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from certify.certification.certify import certify
from certify.cli.certification import certification, certification_options
from certify.cli.formats import format_option, print_results
from certify.cli.options import (
    CERTIFIED,
    INCONCLUSIVE,
    REJECTED,
    interruptible,
    open_ledger,
    reports_options,
)
from certify.cli.progress import Progress
from certify.engine.client import Engine
from certify.model.errors import EngineUnavailable
from certify.model.reference import Reference
from certify.model.result import Result
from certify.model.terms import Status
from certify.publish.recorder import Recorder
from certify.publish.text import print_report


@click.command(name="run")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@certification_options
@format_option
@click.option("--keep", is_flag=True, help="Leave the container standing, to look into it.")
@reports_options
def run(
    *,
    images: tuple[str, ...],
    form: str,
    keep: bool,
    reports: Path,
    ledger: str | None,
    **chosen: Any,
) -> None:
    """Certify images on this host's container engine.

    \b
    Examples:
      certify ubuntu:22.04
      certify run --profile plain --format json debian:12 alpine:3.20
    """
    references = [Reference.parse(image) for image in dict.fromkeys(images)]
    profiles, options = certification(keep=keep, **chosen)
    results: list[Result] = []
    with open_ledger(ledger, reports) as store, interruptible():
        keeper, engine = Recorder(store, reports), _engine()
        try:
            for reference in references:
                with Progress(
                    reference.familiar, ", ".join(each.name for each in profiles)
                ) as shown:
                    found = certify(engine, reference, profiles, options, shown)
                results += found
                for result in found:
                    keeper.record(result)
        finally:
            if isinstance(engine, Engine):
                engine.close()
            if results:
                results = keeper.advised(keeper.shown(results))
                keeper.write_reports(results)
    print_results(results, form, lambda: print_report(results, Console()))
    unkept = say_unkept(keeper.unkept)
    sys.exit(exit_code(results) or unkept)


def _engine() -> Engine | EngineUnavailable:
    """The engine, or why there is none: then every image gets a report that says so."""
    try:
        return Engine.connect()
    except EngineUnavailable as error:
        return error


def say_unkept(unkept: Sequence[str]) -> int:
    """Tell what ledger and disk did not take; the exit code if all else is well."""
    for trouble in unkept:
        click.echo(f"certify: not recorded: {trouble}", err=True)
    return INCONCLUSIVE if unkept else CERTIFIED


def exit_code(results: list[Result]) -> int:
    """What the results mean for the caller; no result at all is never a success."""
    statuses = {result.verdict.status for result in results}
    if Status.REJECTED in statuses:
        return REJECTED
    return CERTIFIED if statuses == {Status.CERTIFIED} else INCONCLUSIVE
