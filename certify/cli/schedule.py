"""``certify schedule systemd|cron|github|gitlab|kubernetes``: print a ready schedule for sweeps."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, fields
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import click

import certify
from certify.cli.certification import resolve
from certify.cli.certification_options import CertificationOptions
from certify.cli.list_name import path_and_top
from certify.cli.output import format_option, inform, print_json
from certify.cli.parameters import grouped
from certify.cli.sweep import sweep
from certify.model.errors import UsageError
from certify.sweep.schedule import DAYS, FILES, FROM_IMAGE, Schedule, schedule_files
from certify.util.files import write_atomically

FAIL_ON = ("--fail-on", "newly-rejected")
"""The default, because a schedule that fails every night for the same image is soon ignored."""
SCHEMA = "certify/schedule/v1"
ON_CODE_HOSTS = ("github", "gitlab")
"""The schedulers that start in a checkout of the repository."""


@dataclass(frozen=True, slots=True)
class ScheduleOptions:
    """The options of a command line, as parsed."""

    listing: str
    reports: str
    at: str
    every: str
    day: str | None
    hours: int
    uses: str
    image: str
    on_failure: str
    shards: int

    def resolve(
        self, scheduler: str, arguments: tuple[str, ...], merging: tuple[str, ...] = ()
    ) -> Schedule:
        """Return the schedule; code hosts get paths from the folder of the settings.

        The host's own schedulers start in this folder, so that a list has its usual name there.
        Raises :class:`UsageError`.
        """
        local = is_local(scheduler)
        listing, reports = self.listing, str(Path(self.reports).absolute())
        if scheduler in ON_CODE_HOSTS:
            listing, reports = (path_and_top(Path(each))[0] for each in (listing, self.reports))
        try:
            time = datetime.strptime(self.at, "%H:%M")
        except ValueError as error:
            raise UsageError(
                f"--at {self.at!r} is not a time of day", remedy="Expected for example 03:17."
            ) from error
        return Schedule(
            listing=listing,
            reports=reports,
            hour=time.hour,
            minute=time.minute,
            day=self.day,
            every=int(self.every),
            arguments=arguments,
            directory=str(Path.cwd()),
            program=_program() if local else "certify",
            hours=self.hours,
            uses=self.uses or released_action(),
            image=self.image or default_image(),
            on_failure=self.on_failure,
            shards=self.shards,
            merge_options=merging,
        )


schedule_options = grouped(
    "options",
    ScheduleOptions,
    click.option(
        "--list", "listing", type=click.Path(), default="images.txt", show_default=True,
        metavar="FILE",
        help="The list to sweep.",
    ),
    click.option(
        "--reports", type=click.Path(), default="reports", show_default=True, metavar="DIR",
        help="Folder for reports and the ledger.",
    ),
    click.option(
        "--at", default="03:17", show_default=True, metavar="HH:MM",
        help="Time of day; in UTC, except for cron, which uses its host's time zone.",
    ),
    click.option(
        "--every", type=click.Choice(["1", "2", "3", "4", "6", "8", "12", "24"]), default="24",
        show_default=True, help="Hours from one sweep to the next.",
    ),
    click.option(
        "--on", "day", type=click.Choice(DAYS), help="One day of the week; default: every day."
    ),
    click.option(
        "--hours", type=click.IntRange(1, 24), default=6, show_default=True,
        help="Time limit for a sweep, in hours.",
    ),
    click.option(
        "--uses", default="", metavar="OWNER/REPO@REF",
        help="github: certify's action; default: that of this release.",
    ),
    click.option(
        "--image", default="", metavar="IMAGE",
        help="gitlab, kubernetes: image with certify in it; default: certify's own.",
    ),
    click.option(
        "--on-failure", default="", metavar="UNIT",
        help="systemd: start this unit if a sweep fails, such as alert@%n.service.",
    ),
    click.option(
        "--shards", type=click.IntRange(1, 200), default=1, show_default=True,
        help="github, gitlab, kubernetes: hosts that share the list.",
    ),
)  # fmt: skip


@click.command()
@click.argument("scheduler", type=click.Choice(list(FILES)))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- SWEEP-OPTION...]")
@schedule_options
@click.option(
    "--write", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Write the files to this folder instead of standard output.",
)  # fmt: skip
@format_option(SCHEMA)
def schedule(
    *,
    scheduler: str,
    arguments: tuple[str, ...],
    options: ScheduleOptions,
    write: Path | None,
    output_format: str,
) -> None:
    """Print a ready schedule for nightly sweeps.

    Options after -- are passed to `certify sweep`.

    \b
    Examples:
      certify schedule systemd --list nightly.txt --write /etc/systemd/system
      certify schedule github --uses acme/certify@v1 -- --profile plain --jobs 4
    """
    local = is_local(scheduler)
    parsed = _check_sweep_arguments((*FAIL_ON, *arguments), local=local)
    own = any(word.partition("=")[0] == FAIL_ON[0] for word in arguments)
    if not own and options.shards == 1:
        arguments = (*FAIL_ON, *arguments)
    if scheduler == "cron" and not {"-q", "--quiet"} & set(arguments):
        arguments = ("--quiet", *arguments)  # cron mails whatever is printed
    plan = options.resolve(scheduler, arguments, _merge_options(parsed))
    if local and not Path(options.listing).exists():
        inform(f"{options.listing} does not exist yet")
    files = schedule_files(scheduler, plan)
    if scheduler in FROM_IMAGE and not options.image and not released_image():
        inform(
            f"{plan.image} is not published, as this certify is no release: build it"
            f" (`docker build --tag {plan.image} .`), push it, and name it with --image"
        )
    if write is not None:
        _write(write, files)
    if output_format == "json":
        print_json(SCHEMA, {"files": files})
    elif write is None:
        several = len(files) > 1
        texts = (f"# {name}\n{text}" if several else text for name, text in files.items())
        sys.stdout.write("\n".join(texts))


def is_local(scheduler: str) -> bool:
    """Return True if a scheduler runs on this host, with its files and programs."""
    return scheduler in ("systemd", "cron")


def released_image() -> str:
    """Return the image of this release, or an empty text if it was built without one's name."""
    name = _addresses().get("Image", "").removeprefix("https://")
    return f"{name}:{certify.__version__}" if name else ""


def default_image() -> str:
    """Return the image of this release, or what `make release` calls one without a name."""
    return released_image() or f"certify:{certify.__version__}"


def released_action() -> str:
    """Return the action of this release, or an empty text if its source is not on GitHub."""
    _, on_github, name = _addresses().get("Repository", "").partition("https://github.com/")
    return f"{name}@v{certify.__version__}" if on_github else ""


def _addresses() -> dict[str, str]:
    """Return the addresses in the metadata of this installation, by their names."""
    try:
        found = metadata.metadata("certify-images").get_all("Project-URL") or ()
    except metadata.PackageNotFoundError:
        return {}
    return {name: url for name, _, url in (line.partition(", ") for line in found)}


def _check_sweep_arguments(arguments: tuple[str, ...], *, local: bool) -> dict[str, Any]:
    """Parse the arguments with the parser of ``certify sweep``, so that mistakes show now.

    Returns their values. Files that they name must exist only if the sweep runs on
    this host. Raises :class:`UsageError` or :class:`click.UsageError`.
    """
    with sweep.make_context("certify sweep", ["images.txt", *arguments]) as context:
        parsed = context.params
        if local:
            names = [field.name for field in fields(CertificationOptions)]
            resolve(CertificationOptions(**{name: parsed[name] for name in names}))
    return parsed


def _merge_options(parsed: dict[str, Any]) -> tuple[str, ...]:
    """Return the options of a sweep that are about its end, for the job that merges the shards."""
    words = ["--fail-on", parsed["fail_on"]]
    for url in parsed["notify"]:
        words += ["--notify", url]
    return (*words, *(["--site-url", url] if (url := parsed["site_url"]) else []))


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        try:
            write_atomically(folder / name, text)
        except OSError as error:
            raise UsageError(
                f"--write {folder}: {error.strerror or error}", remedy="Name a folder to write to."
            ) from error
        inform(f"wrote {folder / name}")


def _program() -> str:
    """Return the path of this program, which schedulers may not have in their PATH."""
    return str(Path(shutil.which(sys.argv[0]) or shutil.which("certify") or "certify").absolute())
