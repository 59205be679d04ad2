"""``certify ledger export|import|merge``: ledgers as lines of JSON, and many ledgers as one."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import IO, Any

import click

from certify.cli.output import format_option, inform, print_json
from certify.cli.results import print_results, result_format_option
from certify.cli.storage import Storage, storage_options
from certify.cli.sweep_results import Reporting, reporting_options
from certify.engine import reaper
from certify.ledger.lines import RESULT, SWEEP_LINE, checked, written
from certify.ledger.store import Ledger
from certify.ledger.sweeps import JOINED, FinishedSweep, Sweeps
from certify.model.errors import NothingRecorded, UsageError
from certify.model.shard import Shard
from certify.publish.recorder import Recorder
from certify.sweep.conclusion import conclude
from certify.sweep.join import join_shards
from certify.util.signals import interruptible
from certify.util.text import counted

SCHEMA = "certify/exchange/v1"
POLL_SECONDS = 5.0


@click.group()
def ledger() -> None:
    """Copy ledgers, and make one of many.

    \b
    Example:
      certify ledger merge shard-1/certify.db shard-2/certify.db
    """


@ledger.command("export")
@click.argument("file", type=click.File("w", encoding="utf-8", lazy=True))
@format_option(SCHEMA)
@storage_options
def export_ledger(*, file: IO[str], output_format: str, storage: Storage) -> None:
    """Write a ledger to FILE (- is standard output) as lines of JSON.

    \b
    Example:
      certify ledger export ledger.jsonl
    """
    if file.name == "-" and output_format == "json":
        raise click.UsageError("--format json needs a FILE of its own.")
    with storage.open_ledger(create=False) as source:
        count: Counter[str] = Counter()
        for line in written(_counted(source, count)):
            file.write(line)
    _report(count, "written", file.name, output_format)


@ledger.command("import")
@click.argument("files", nargs=-1, required=True, type=click.File("rb"))
@format_option(SCHEMA)
@storage_options
def import_ledger(*, files: tuple[IO[bytes], ...], output_format: str, storage: Storage) -> None:
    """Record what FILEs hold that `certify ledger export` wrote (- is standard input).

    What is recorded already is passed over, so this can be repeated. If a line of a file is wrong,
    nothing is recorded.

    \b
    Example:
      certify ledger import ledger.jsonl --ledger postgresql://host/certify
    """
    with ExitStack() as stack:
        exports = [stack.enter_context(checked(each, each.name)) for each in files]
        target = stack.enter_context(storage.open_ledger())
        taken = target.exchange.take_in(exports)
        name = target.name
    _report(taken, "new", name, output_format)


@ledger.command()
@click.argument("ledgers", nargs=-1)
@click.option("--list", "source", metavar="LIST", help="Only shards of this list.")
@click.option(
    "--wait", type=click.FloatRange(min=0), default=0, metavar="HOURS",
    help="Wait so long for shards that have not ended.",
)  # fmt: skip
@reporting_options
@result_format_option
@storage_options
def merge(
    *,
    ledgers: tuple[str, ...],
    source: str | None,
    wait: float,
    reporting: Reporting,
    output_format: str,
    storage: Storage,
) -> None:
    """Take in LEDGERS, and join the sweeps of a list's shards to one of the list.

    The summary, the changes and the exit code are those that one sweep would have. A shard that
    did not end is inconclusive, and its images keep their results.

    \b
    Examples:
      certify ledger merge shards/*/certify.db
      certify ledger merge --ledger postgresql://host/certify --wait 6
    """
    reporting.check()
    with ExitStack() as stack:
        target = stack.enter_context(storage.open_ledger())
        stack.enter_context(interruptible())
        sources = [stack.enter_context(Ledger.open(each, make=False)) for each in ledgers]
        known = target.exchange.known
        taken = target.exchange.take_in([each.exchange.lines(known) for each in sources])
        if ledgers:
            inform(f"{_text(taken)} new in {target.name}")
        recorder = stack.enter_context(Recorder(target, storage.reports))
        shards = _shards(target.sweeps, source, wait)
        if not shards:
            if not ledgers:
                raise NothingRecorded(
                    "No shard of a sweep has ended since they were last joined.",
                    remedy="`certify sweep --shard 1/2` sweeps one.",
                )
            recorder.write_reports([])
            print_results([], output_format, lambda: None)
            return
        found = join_shards(target, shards)
        number = stack.enter_context(
            target.sweeps.running(found.source, reaper.owner(), reaper.is_orphan, JOINED)
        )
        end = conclude(recorder, number, found)
        code = reporting.report(recorder, end, storage.reports, output_format)
    sys.exit(code)


def _shards(sweeps: Sweeps, source: str | None, hours: float) -> list[FinishedSweep]:
    """Return the sweeps of one list's shards, after waiting for those that are missing.

    If the number of shards has changed, those of the newest sweep count. Raises
    :class:`UsageError` if there are several lists.
    """
    end = time.monotonic() + hours * 3600
    while True:
        found = [each for each in sweeps.waiting() if source in (None, each.source)]
        lists = sorted({each.source for each in found})
        if len(lists) > 1:
            raise UsageError(
                f"There are shards of {len(lists)} lists: {', '.join(lists)}.",
                remedy="Name one with --list.",
            )
        count = Shard.parse(found[0].shard).count if found else 1
        found = [each for each in found if Shard.parse(each.shard).count == count]
        if (found and len(found) == count) or time.monotonic() >= end:
            return found
        time.sleep(POLL_SECONDS)


def _counted(source: Ledger, count: Counter[str]) -> Iterator[dict[str, Any]]:
    for line in source.exchange.fields():
        count[line["kind"]] += 1
        yield line


def _text(count: Counter[str]) -> str:
    return f"{counted(count[RESULT], 'result')} and {counted(count[SWEEP_LINE], 'sweep')}"


def _report(count: Counter[str], what: str, where: str, output_format: str) -> None:
    if output_format == "json":
        print_json(SCHEMA, {"results": count[RESULT], "sweeps": count[SWEEP_LINE]})
    else:
        inform(f"{_text(count)} {what} in {where}")
