"""``certify sweep [images.txt]``: certify all images of a list, skipping what is unchanged.

Exit codes are those of ``certify run``, but ``--fail-on`` decides what ends with 1: rejected
images, only newly rejected ones, or none. With ``--fail-on never``, 3 becomes 0, too.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import click
from rich.console import Console

from certify.certification.engines import open_engines
from certify.certification.events import Events
from certify.certification.options import Options
from certify.cli.certification import resolve, with_base
from certify.cli.certification_options import CertificationOptions, certification_options
from certify.cli.list_name import series_name
from certify.cli.output import inform, print_json
from certify.cli.parameters import grouped, size
from certify.cli.progress import standard_error
from certify.cli.results import result_format_option
from certify.cli.storage import Storage, writing_options
from certify.cli.sweep_progress import SweepProgress
from certify.cli.sweep_results import Reporting, reporting_options
from certify.doctor.examine import reason_unfit
from certify.engine import reaper
from certify.engine.client import Engine
from certify.engine.launch_plan import Limits
from certify.judge.profiles import shipped
from certify.model.errors import BadListing, Trouble, UsageError
from certify.model.shard import Shard
from certify.publish.places import NOWHERE, Place, Places, path_in_repository
from certify.publish.recorder import Recorder
from certify.suite.profile_selection import select_profile
from certify.sweep import image_cache
from certify.sweep.expand import ListedImage, Selection, UnlistedPattern, expand
from certify.sweep.listing import parse_listing
from certify.sweep.plan import Item
from certify.sweep.render import plan_line, print_plan
from certify.sweep.results import Record
from certify.sweep.scheduler import Capacity, Scheduler
from certify.sweep.side_by_side import Spread
from certify.sweep.sweep import Sweep
from certify.sweep.units import Unit
from certify.util.files import read_text
from certify.util.signals import interruptible
from certify.util.text import counted, printable

PLAN_SCHEMA = "certify/plan/v1"


def _shard(value: object) -> Shard:
    """Parse a text such as ``3/8``."""
    try:
        return Shard.parse(str(value))
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@dataclass(frozen=True, slots=True)
class SweepOptions:
    """The options of a command line, as parsed."""

    jobs: int | None
    disk: str | None
    force: bool
    dry_run: bool
    confirm: bool
    shard: Shard | None
    cluster: str | None

    def scheduler(self, how: Options, events: Callable[[Unit], Events]) -> Callable[..., Spread]:
        """Return what makes the scheduler: of an engine's host, or of a cluster."""
        if not self.cluster:

            def on_host(engine: Engine, how: Options, record: Record) -> Scheduler:
                capacity = self.capacity(engine, how.limits.memory_bytes)
                return Scheduler(engine, how, capacity, events, record)

            return on_host
        from certify.sweep.cluster import Cluster, ClusterScheduler  # noqa: PLC0415 - an extra

        examine = partial(reason_unfit, how.network)
        cluster = Cluster(self.cluster, examine, inform)
        return partial(ClusterScheduler, cluster=cluster, events_for=events)

    def check(self, pull: str, addresses: Mapping[str, str]) -> None:
        """Refuse what does not fit a cluster. Raises :class:`UsageError`."""
        if not self.cluster:
            return
        if self.jobs or self.disk or addresses or pull == "never":
            raise UsageError(
                "--cluster goes with none of --jobs, --disk, --engine and --pull never: its "
                "workers decide how many images they certify at a time, and pull them.",
                remedy="Leave it out, or start the workers with --resources docker=N.",
            )
        if importlib.util.find_spec("distributed") is None:
            raise UsageError(
                "--cluster needs Dask, which is not installed.",
                remedy="pip install 'certify-images[cluster]', here and on the workers.",
            )

    def capacity(self, engine: Engine, memory_bytes: int) -> Capacity:
        """Return the limits; by default as many images at a time as the host can carry.

        Each needs a core, and all the memory that it may use.
        """
        affordable = min(engine.cpus, engine.host().memory_bytes // memory_bytes)
        wanted = Limits(disk=self.disk).disk_bytes if self.disk else None
        room = wanted or image_cache.default_room(engine)
        jobs = self.jobs or max(1, affordable)
        return Capacity(jobs=jobs, room=room, lanes=2 * jobs <= engine.cpus)


sweep_options = grouped(
    "options",
    SweepOptions,
    click.option(
        "--jobs", type=click.IntRange(min=1),
        help="Images at a time; default: depends on cores and memory.",
    ),
    click.option(
        "--disk", type=size, metavar="SIZE",
        help="Room for pulled images, such as 20g; default: half of the free space.",
    ),
    click.option("--force", is_flag=True, help="Also certify images with a valid certificate."),
    click.option(
        "--confirm", is_flag=True,
        help="Run all checks again on an image that was certified and now fails: is it flaky?",
    ),
    click.option(
        "--dry-run", is_flag=True, help="Show the plan (json: certify/plan/v1), and run nothing."
    ),
    click.option(
        "--shard", type=_shard, metavar="N/COUNT",
        help="Only this part of the images; see `certify ledger merge`.",
    ),
    click.option(
        "--cluster", metavar="ADDRESS",
        help="Certify on the workers of a Dask cluster, such as tls://scheduler:8786.",
    ),
)  # fmt: skip
selection_options = grouped(
    "selection",
    Selection,
    click.option("--include", multiple=True, metavar="GLOB", help="Only these images."),
    click.option("--exclude", multiple=True, metavar="GLOB", help="Not these images."),
    click.option(
        "--max-tags", type=click.IntRange(min=1),
        help="Only so many tags of each repository, the highest versions.",
    ),
)  # fmt: skip


@click.command()
@click.argument(
    "listing", metavar="[LIST]", default="images.txt",
    type=click.Path(dir_okay=False, path_type=Path),
)  # fmt: skip
@certification_options
@sweep_options
@reporting_options
@selection_options
@result_format_option
@writing_options
def sweep(
    *,
    listing: Path,
    certification: CertificationOptions,
    options: SweepOptions,
    reporting: Reporting,
    selection: Selection,
    output_format: str,
    storage: Storage,
) -> None:
    """Certify all images of a list, skipping what is unchanged.

    Each line of LIST is a reference, or a glob that is expanded at its registry. A sweep that
    was killed goes on where it was when it is started again.

    \b
    Examples:
      certify sweep images.txt --jobs 4
      certify sweep nightly.txt --dry-run
    """
    reporting.check()
    defaults, how = resolve(certification)
    shard, addresses = options.shard, certification.addresses
    options.check(how.pull, addresses)
    profiles = {profile.name: profile for profile in defaults}
    text = read_text(listing, BadListing, remedy="Name a list of images, such as images.txt.")
    lines = parse_listing(text, str(listing), known_profiles={*shipped(), *profiles})
    for name in {name for line in lines for name in line.profiles} - profiles.keys():
        profiles[name] = select_profile(name)
    with ExitStack() as stack:
        ledger = stack.enter_context(storage.open_ledger())
        stack.enter_context(interruptible())
        engines = stack.enter_context(open_engines(addresses))
        if isinstance(engines.own, Trouble):
            raise engines.own
        engine = engines.own
        recorder = stack.enter_context(Recorder(ledger, storage.reports, layout=storage.layout))
        how = replace(with_base(how, profiles.values(), lambda: ledger), confirm=options.confirm)
        sweeping = Sweep(engines, recorder, profiles, how, shard)
        if not options.dry_run:
            source = series_name(listing, selection, ledger.sweeps.newest_name)
            number = stack.enter_context(
                ledger.sweeps.running(source, reaper.owner(), reaper.is_orphan, str(shard or ""))
            )
        show = partial(standard_error(quiet=reporting.quiet).print, markup=False)
        show("certify: expanding the list")
        images, unlisted = expand(lines, engine.registry, selection)
        _report_unlisted(listing, images, unlisted)
        images = [replace(each, platform=each.platform or how.platform) for each in images]
        places = NOWHERE if output_format == "text" else _places(listing, images)
        plan = sweeping.plan(images, [each.name for each in defaults], force=options.force)
        del text, lines, images  # they may be many, as may the plan and the results below
        if options.dry_run:
            _print_plan(plan.items, unlisted, output_format)
            return
        show(f"certify: {plan_line(plan.items)}")
        if plan.later:
            count = counted(len(plan.later), "image")
            show(f"certify: {count} must wait: the registry limits pulls")
        with SweepProgress(plan.due, quiet=reporting.quiet) as progress:
            scheduler = options.scheduler(how, progress.events)
            new = sweeping.run(plan, scheduler, number, progress)
        keys = plan.keys
        del plan, progress
        end = sweeping.finish(keys, new, unlisted, number, source)
        del keys, new
        code = reporting.report(
            recorder, end, storage.reports, output_format, places, whole=shard is None
        )
    sys.exit(code)


def _places(listing: Path, images: Sequence[ListedImage]) -> Places:
    """Return the line of the list that first names each image."""
    file = path_in_repository(listing)
    place = {each.line: Place(file, each.line) for each in images}
    return {each.reference.familiar: place[each.line] for each in reversed(images)}


def _report_unlisted(
    listing: Path, images: Sequence[ListedImage], unlisted: Sequence[UnlistedPattern]
) -> None:
    """Report the globs that could not be expanded, and a list without any image."""
    for each in unlisted:
        remedy = f"\n  {each.trouble.remedy}" if each.trouble.remedy else ""
        inform(printable(f"{listing}:{each.line}: {each.trouble.message}{remedy}"))
    if not images and not unlisted:
        inform(f"{listing} names no image that exists")


def _print_plan(
    items: Sequence[Item], unlisted: Sequence[UnlistedPattern], output_format: str
) -> None:
    if output_format != "json":
        print_plan(items, Console())
        return
    fields = [
        {
            "reference": each.image.reference,
            "profile": each.image.profile,
            "platform": each.image.platform,
            "digest": each.image.digest,
            "state": each.state.value,
            "due": each.state.due,
            "reason": each.reason,
        }
        for each in items
    ]
    problems = [
        {"pattern": each.pattern, "line": each.line, "reason": each.trouble.message}
        for each in unlisted
    ]
    print_json(PLAN_SCHEMA, {"images": fields, "unlisted": problems})
