"""``certify run IMAGE...``: certify, print, record, write reports.

Exit codes: 0 all certified, 1 at least one rejected, 2 wrong usage (nothing was run),
3 none rejected and at least one inconclusive, 130 interrupted and cleaned up.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click
from rich.console import Console

from certify.certification import Options, certify
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
from certify.engine.launch import ISOLATIONS, Limits
from certify.errors import BadLedger, EngineUnavailable
from certify.images.reference import Reference
from certify.judge.profiles import load
from certify.ledger.store import Ledger
from certify.model import Result, Status
from certify.publish.junit import junit_xml
from certify.publish.result import report_json
from certify.publish.text import print_report
from certify.publish.writer import write_reports
from certify.suite.catalogue import own_checks

FORMATS = ("text", "json", "junit")


class Memory(click.ParamType[str]):
    """An amount of memory as Docker writes it."""

    name = "size"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Check the form; the engine does the arithmetic."""
        text = str(value).lower()
        if not re.fullmatch(r"[1-9][0-9]*[bkmg]?", text):
            self.fail(f"{value!r} is not a size; expected for example 512m or 4g", param, ctx)
        return text


class Platform(click.ParamType[str]):
    """OS/ARCH or OS/ARCH/VARIANT."""

    name = "os/arch"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Check the form; whether the image has it, the registry says."""
        text = str(value)
        if not re.fullmatch(r"linux/[a-z0-9]+(/[a-z0-9]+)?", text):
            self.fail(f"{value!r} is not a platform; expected for example linux/arm64", param, ctx)
        return text


@click.command(name="run")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option(
    "--profile", "profiles", multiple=True, default=("devspace",), show_default=True,
    metavar="NAME", help="What to certify for; may be repeated. See `certify profiles`.",
)  # fmt: skip
@click.option("--platform", type=Platform(), help="Certify the image for this platform.")
@click.option(
    "--pull", type=click.Choice(["missing", "always", "never"]), default="missing",
    show_default=True, help="When to ask the registry for the image.",
)  # fmt: skip
@click.option(
    "--timeout", type=click.FloatRange(min=1), default=1200.0, show_default=True,
    metavar="S", help="Seconds for the checks of one image, its boot included.",
)  # fmt: skip
@click.option("--checks", metavar="DIR", help="Run the checks of this folder too (test_*.py).")
@click.option(
    "--isolation", type=click.Choice(ISOLATIONS), default="auto", show_default=True,
    help="How a systemd launch is confined.",
)  # fmt: skip
@click.option("--memory", type=Memory(), default="4g", show_default=True, help="Memory limit.")
@click.option("--cpus", type=click.FloatRange(min=0.1), help="CPU limit; default: the host's.")
@click.option("--network", metavar="NAME", help="Network of the engine to attach to.")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True,
    help="What to print on standard output.",
)  # fmt: skip
@click.option("--keep", is_flag=True, help="Leave the container standing, to look into it.")
@reports_options
def run(
    *,
    images: tuple[str, ...],
    profiles: tuple[str, ...],
    platform: str | None,
    pull: str,
    timeout: float,
    checks: str | None,
    isolation: str,
    memory: str,
    cpus: float | None,
    network: str | None,
    form: str,
    keep: bool,
    reports: Path,
    ledger: str | None,
) -> None:
    """Certify images on this host's container engine.

    \b
    Examples:
      certify ubuntu:22.04
      certify run --profile plain --format json debian:12 alpine:3.20
    """
    references = [Reference.parse(image) for image in dict.fromkeys(images)]
    chosen = [load(name) for name in dict.fromkeys(profiles)]
    options = Options(
        platform=platform,
        pull=pull,
        isolation=isolation,
        limits=Limits(memory=memory, cpus=cpus),
        network=network,
        timeout=timeout,
        own_checks=own_checks(checks) if checks else None,
        keep=keep,
    )
    results: list[Result] = []
    unrecorded: list[BadLedger] = []
    with open_ledger(ledger, reports) as store, interruptible():
        engine = _engine()
        try:
            for reference in references:
                with Progress(reference.familiar, ", ".join(each.name for each in chosen)) as shown:
                    found = certify(engine, reference, chosen, options, shown)
                results += found
                try:
                    for result in found:
                        store.record(result)
                except BadLedger as error:  # a full disk must not cost the result
                    unrecorded.append(error)
        finally:
            if isinstance(engine, Engine):
                engine.close()
            if results:
                write_reports(reports, results, _standing(store, results))
    _print(results, form)
    code = exit_code(results)
    if unrecorded:
        click.echo(f"certify: not recorded: {unrecorded[0].message}", err=True)
        code = code or INCONCLUSIVE
    sys.exit(code)


def _standing(store: Ledger, results: list[Result]) -> list[Result]:
    """What the ledger holds; if it can no longer be read, at least what was just found."""
    try:
        return store.standing_by_reference()
    except BadLedger:
        return results


def _engine() -> Engine | EngineUnavailable:
    """The engine, or why there is none: then every image gets a report that says so."""
    try:
        return Engine.connect()
    except EngineUnavailable as error:
        return error


def _print(results: list[Result], form: str) -> None:
    if form == "json":
        sys.stdout.write(report_json(results))
    elif form == "junit":
        sys.stdout.write(junit_xml(results))
    else:
        print_report(results, Console())


def exit_code(results: list[Result]) -> int:
    """What the results mean for the caller; no result at all is never a success."""
    statuses = {result.verdict.status for result in results}
    if Status.REJECTED in statuses:
        return REJECTED
    return CERTIFIED if statuses == {Status.CERTIFIED} else INCONCLUSIVE
