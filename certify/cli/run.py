"""``certify run IMAGE...``: certify, print, record, write reports.

Exit codes: 0 all certified, 1 at least one rejected, 2 wrong usage (nothing was run),
3 none rejected and at least one inconclusive, 130 interrupted and cleaned up.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from certify.certification import certify
from certify.cli.certifying import certification, certification_options
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
from certify.errors import BadLedger, EngineUnavailable
from certify.images.reference import Reference
from certify.judge.recommend import advised
from certify.ledger.store import Ledger
from certify.model import Result, Status
from certify.publish.text import print_report
from certify.publish.writer import write_reports


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
    unrecorded: list[str] = []
    with open_ledger(ledger, reports) as store, interruptible():
        engine = _engine()
        try:
            for reference in references:
                with Progress(
                    reference.familiar, ", ".join(each.name for each in profiles)
                ) as shown:
                    found = certify(engine, reference, profiles, options, shown)
                results += found
                try:
                    for result in found:
                        store.record(result)
                except BadLedger as error:  # a full disk must not cost the result
                    unrecorded.append(error.message)
        finally:
            if isinstance(engine, Engine):
                engine.close()
            if results:
                results = advised(results, _standing(store, results))
                try:
                    write_reports(reports, results, store)
                except BadLedger as error:
                    unrecorded.append(error.message)
                except OSError as error:
                    unrecorded.append(f"the reports cannot be written: {error}")
    print_results(results, form, lambda: print_report(results, Console()))
    code = exit_code(results)
    if unrecorded:
        click.echo(f"certify: not recorded: {unrecorded[0]}", err=True)
        code = code or INCONCLUSIVE
    sys.exit(code)


def _standing(store: Ledger, results: list[Result]) -> list[Result]:
    """What the ledger holds; if it can no longer be read, at least what was just found."""
    try:
        return store.presented()
    except BadLedger:
        return results


def _engine() -> Engine | EngineUnavailable:
    """The engine, or why there is none: then every image gets a report that says so."""
    try:
        return Engine.connect()
    except EngineUnavailable as error:
        return error


def exit_code(results: list[Result]) -> int:
    """What the results mean for the caller; no result at all is never a success."""
    statuses = {result.verdict.status for result in results}
    if Status.REJECTED in statuses:
        return REJECTED
    return CERTIFIED if statuses == {Status.CERTIFIED} else INCONCLUSIVE
