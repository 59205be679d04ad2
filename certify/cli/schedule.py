"""``certify schedule systemd|cron|github|gitlab|kubernetes``: print a ready schedule for sweeps."""

from __future__ import annotations

import shutil
import sys
from datetime import datetime
from inspect import signature
from pathlib import Path

import click

from certify.cli.certification import certification
from certify.cli.sweep import sweep
from certify.model.errors import UsageError
from certify.sweep.schedule import DAYS, FILES, Schedule, schedule_files
from certify.util.files import write_atomically

QUIET = ("--fail-on", "newly-rejected")
"""A schedule that fails every night because of the same image is soon ignored."""


@click.command(name="schedule")
@click.argument("form", type=click.Choice(list(FILES)))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- SWEEP-OPTION...]")
@click.option(
    "--list",
    "listing",
    default="images.txt",
    show_default=True,
    metavar="FILE",
    help="What to sweep.",
)
@click.option(
    "--reports",
    default="reports",
    show_default=True,
    metavar="DIR",
    help="Where reports and the ledger are kept.",
)
@click.option(
    "--at", default="03:17", show_default=True, metavar="HH:MM",
    help="When; in UTC, but for cron, which goes by its host's clock.",
)  # fmt: skip
@click.option(
    "--every", type=click.Choice(["1", "2", "3", "4", "6", "8", "12", "24"]), default="24",
    show_default=True, help="Hours from one sweep to the next.",
)  # fmt: skip
@click.option(
    "--on", "day", type=click.Choice(DAYS), help="One day of the week; default: every day."
)
@click.option(
    "--hours", type=click.IntRange(1, 24), default=6, show_default=True,
    help="How long a sweep may take.",
)  # fmt: skip
@click.option("--uses", default="", metavar="OWNER/REPO@REF", help="github: where the action is.")
@click.option("--image", default="", metavar="IMAGE", help="gitlab, kubernetes: has certify in it.")
@click.option(
    "--write", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Write the files there instead of printing them.",
)  # fmt: skip
def schedule(
    *,
    form: str,
    arguments: tuple[str, ...],
    listing: str,
    reports: str,
    at: str,
    every: str,
    day: str | None,
    hours: int,
    uses: str,
    image: str,
    write: Path | None,
) -> None:
    """Print a complete schedule for nightly sweeps; what follows -- goes to `certify sweep`.

    \b
    Examples:
      certify schedule systemd --list nightly.txt --write /etc/systemd/system
      certify schedule github --uses acme/certify@v1 -- --profile plain --jobs 4
    """
    hosted = form in ("systemd", "cron")  # on this host, where names are found here and now
    moment = _moment(at)
    _check(arguments, here=hosted)
    if not any(word.partition("=")[0] == QUIET[0] for word in arguments):
        arguments = (*QUIET, *arguments)
    if hosted and not Path(listing).exists():
        click.echo(f"certify: {listing} does not exist yet", err=True)
    files = schedule_files(
        form,
        Schedule(
            listing=str(Path(listing).absolute()) if hosted else listing,
            reports=str(Path(reports).absolute()) if hosted else reports,
            hour=moment.hour,
            minute=moment.minute,
            day=day,
            every=int(every),
            arguments=arguments,
            directory=str(Path.cwd()),
            program=_program() if hosted else "certify",
            hours=hours,
            uses=uses,
            image=image,
        ),
    )
    if write is None:
        sys.stdout.write("\n".join(_named(files)))
        return
    for name, text in files.items():
        try:
            write_atomically(write / name, text)
        except OSError as error:
            raise UsageError(
                f"--write {write}: {error.strerror or error}", remedy="Name a folder to write to."
            ) from error
        click.echo(f"certify: wrote {write / name}", err=True)


def _check(arguments: tuple[str, ...], *, here: bool) -> None:
    """Have the sweep's own parser read what it will get: now, not every night.

    Files that are named may be elsewhere than here. Raises :class:`UsageError`, and click's own.
    """
    read = sweep.make_context("certify sweep", ["images.txt", *arguments]).params
    if here:
        asked = signature(certification).parameters.keys() & read
        certification(**{name: read[name] for name in asked})


def _named(files: dict[str, str]) -> list[str]:
    """The files, each under its name if there are several."""
    if len(files) == 1:
        return list(files.values())
    return [f"# {name}\n{text}" for name, text in files.items()]


def _moment(at: str) -> datetime:
    try:
        return datetime.strptime(at, "%H:%M")
    except ValueError as error:
        raise UsageError(
            f"--at {at!r} is not a time of day", remedy="Expected for example 03:17."
        ) from error


def _program() -> str:
    """This very program, as a scheduler finds it, whatever its PATH."""
    return str(Path(shutil.which(sys.argv[0]) or shutil.which("certify") or "certify").absolute())
