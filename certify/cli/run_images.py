"""The work of ``certify run``: certify, print, record, write reports."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from certify.certification.engines import open_engines
from certify.certification.platforms import make_certifications
from certify.cli.certification import resolve, with_base
from certify.cli.certification_options import CertificationOptions
from certify.cli.exit_codes import exit_code
from certify.cli.output import inform
from certify.cli.progress import RunProgress
from certify.cli.recorder_future import RecorderFuture
from certify.cli.results import Printing, report_errors
from certify.cli.storage import Storage
from certify.model.errors import LedgerUnavailable
from certify.model.reference import Reference
from certify.model.result import Result
from certify.suite.check_server import SERVER
from certify.util.signals import interruptible

if TYPE_CHECKING:
    from certify.ledger.store import Ledger

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
    SERVER.start(as_copy=True)  # its further imports pass while the container is launched
    names = ", ".join(each.name for each in profiles)
    results: list[Result] = []
    with (
        RecorderFuture(storage) as future, interruptible(),
        open_engines(certification.addresses) as engines, ExitStack() as files,
    ):  # fmt: skip
        options = replace(options, stopped=future.has_failed)
        options = with_base(options, profiles, lambda: future.get().ledger)
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
                recorder = future.get()  # before there are results that it could not take
                results += found
                for result in found:
                    if is_known(result, recorder.ledger):
                        recorder.record(result)
        finally:
            if results:
                results = recorder.finish(results)
        from certify.cli.run_report import print_run  # noqa: PLC0415 - see RecorderFuture

        print_run(results, storage.reports, printing, output_format)
    if recorder.leaves_tables:
        inform(TABLES_STAY)
    not_recorded = report_errors(recorder.errors)
    return exit_code(each.verdict.status for each in results) or not_recorded


def is_known(result: Result, ledger: Ledger) -> bool:
    """Return True if the image was found, now or before; a mistyped name is not recorded."""
    image = result.image
    if image.identity:
        return True
    try:
        return bool(ledger.history(image.reference))
    except LedgerUnavailable:
        return True  # to be reported when it is recorded
