"""The work of ``certify run``: certify, print, record, write reports."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click
from rich.console import Console

from certify.certification.engines import open_engines
from certify.certification.platforms import make_certifications
from certify.cli.certification import resolve, with_base
from certify.cli.certification_options import CertificationOptions
from certify.cli.exit_codes import exit_code
from certify.cli.output import inform
from certify.cli.progress import RunProgress
from certify.cli.results import Printing, print_results, print_site, report_errors
from certify.cli.storage import Storage
from certify.fix.proposal import is_offered
from certify.ledger.store import Ledger
from certify.model.errors import LedgerUnavailable
from certify.model.file_names import certificate_stem
from certify.model.reference import Reference
from certify.model.result import Result
from certify.publish.recorder import Recorder
from certify.publish.text import NextSteps, print_report
from certify.publish.timeline import text_timeline
from certify.util.signals import interruptible

TABLES_STAY = "matrix and site have many images and stay; `certify report` updates them"


def run_images(
    images: tuple[str, ...],
    certification: CertificationOptions,
    storage: Storage,
    printing: Printing,
    *,
    output_format: str,
    keep: bool,
) -> int:
    """Certify images, print and record the results; return the exit code."""
    for image in images:
        if image != "-":
            Reference.parse(image)
    profiles, options = resolve(certification, keep=keep)
    names = ", ".join(each.name for each in profiles)
    results: list[Result] = []
    with (
        storage.open_ledger() as ledger, interruptible(),
        open_engines(certification.addresses) as engines, ExitStack() as files,
    ):  # fmt: skip
        recorder = Recorder(ledger, storage.reports, own=True)
        options = with_base(options, profiles, ledger)
        todo = [
            one
            for image in dict.fromkeys(images)
            for one in make_certifications(engines, image, options, files)
        ]
        try:
            for number, one in enumerate(todo, 1):
                count = f"[{number}/{len(todo)}] " if len(todo) > 1 else ""
                platform = (one.options.platform,) if one.platforms[1:] else ()
                title = f"{count}{(one.name or one.reference).familiar}"
                title = " · ".join(filter(None, (title, *platform, names)))
                one.removes_beside = True
                with RunProgress(title, quiet=printing.quiet) as one.events:
                    found = one.run(profiles)
                results += found
                for result in found:
                    if is_known(result, ledger):
                        recorder.record(result)
        finally:
            if results:
                results = recorder.finish(results)
        next_steps = partial(next_steps_of, storage.reports)

        def show() -> None:
            print_report(results, Console(), next_steps=next_steps, verbose=printing.verbose)
            if len(results) > 1:
                print_site(storage.reports)
            for result in results if printing.timings else ():
                # The engine removes a container meanwhile, and beyond this moment.
                tail = datetime.now(UTC) - result.finished_at if len(results) == 1 else None
                lines = text_timeline(result, tail.total_seconds() if tail else None)
                click.echo("\n".join(("", *lines)))

        print_results(results, output_format, show)
    if recorder.leaves_tables:
        inform(TABLES_STAY)
    not_recorded = report_errors(recorder.errors)
    return exit_code(each.verdict.status for each in results) or not_recorded


def is_known(result: Result, ledger: Ledger) -> bool:
    """Return True if the image was found, now or before; a mistyped name is not recorded.

    Without an engine nothing is known about a name, so that it counts as known.
    """
    image = result.image
    if image.identity or result.host is None:
        return True
    try:
        return bool(ledger.history(image.reference))
    except LedgerUnavailable:
        return True  # to be reported when it is recorded


def next_steps_of(reports: Path, result: Result) -> NextSteps:
    """Return whether certify can fix the image, and the file with the page of the result."""
    path = reports / "images" / f"{certificate_stem(result)}.html"
    return NextSteps(fix=is_offered(result), page=str(path) if path.exists() else None)
