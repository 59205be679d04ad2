"""``certify sweep [images.txt]``: certify all that a list names, skipping what is unchanged.

Exit codes are those of ``certify run``, as ``--fail-on`` has them count: 1 for rejected
images (or only for newly rejected ones, or never), 3 if any is inconclusive.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from certify.certification.certify import Options
from certify.cli.certification import Memory, certification, certification_options
from certify.cli.formats import format_option, print_results
from certify.cli.options import (
    CERTIFIED,
    INCONCLUSIVE,
    REJECTED,
    interruptible,
    open_ledger,
    reports_options,
)
from certify.cli.run import say_unkept
from certify.cli.sweep_progress import SweepProgress
from certify.engine import reaper
from certify.engine.client import Engine
from certify.judge.profiles import Profile, shipped
from certify.ledger.changes import Change, ChangeKind, SweepEntry, sweep_entry
from certify.model.errors import BadListing
from certify.model.reference import DOCKER_HUB
from certify.model.terms import Status
from certify.publish.recorder import Recorder
from certify.registry.hub import Hub
from certify.suite.profile_selection import select_profile
from certify.sweep import image_cache
from certify.sweep.expand import Lists, Selection, Unlisted, Wanted, expand
from certify.sweep.image_cache import room_on
from certify.sweep.listing import parse_listing
from certify.sweep.render import plan_line, print_plan, print_summary
from certify.sweep.sweep import Sweep
from certify.util.files import read_text


@click.command(name="sweep")
@click.argument(
    "listing", metavar="[LIST]", default="images.txt",
    type=click.Path(dir_okay=False, path_type=Path),
)  # fmt: skip
@certification_options
@click.option(
    "--jobs", type=click.IntRange(min=1), help="Images at a time; default: by cores and memory."
)
@click.option(
    "--disk", type=Memory(), metavar="SIZE",
    help="Room for images that are pulled, such as 20g; default: half of what is free.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Certify also what is fresh.")
@click.option("--dry-run", is_flag=True, help="Show the plan, and run nothing.")
@click.option(
    "--fail-on", type=click.Choice(["rejected", "newly-rejected", "never"]), default="rejected",
    show_default=True, help="What exit code 1 stands for.",
)  # fmt: skip
@click.option("--include", multiple=True, metavar="GLOB", help="Only these images.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Not these images.")
@click.option("--max-tags", type=click.IntRange(min=1), help="Highest tags of each repository.")
@format_option
@reports_options
def sweep(
    *,
    listing: Path,
    jobs: int | None,
    disk: str | None,
    force: bool,
    dry_run: bool,
    fail_on: str,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    max_tags: int | None,
    form: str,
    reports: Path,
    ledger: str | None,
    **chosen: Any,
) -> None:
    """Certify all images of a list, and what registries hold, skipping what is unchanged.

    Each line of LIST is a reference, or a glob that its registry is asked for; killed at
    any moment and started again, a sweep goes on where it was.

    \b
    Examples:
      certify sweep images.txt --jobs 4
      certify sweep nightly.txt --dry-run
    """
    defaults, options = certification(**chosen)
    text = read_text(listing, BadListing, remedy="Name a list of images, such as images.txt.")
    entries = parse_listing(text, str(listing), known_profiles=_known(defaults))
    by_name = {profile.name: profile for profile in defaults}
    for name in {name for entry in entries for name in entry.profiles} - by_name.keys():
        by_name[name] = select_profile(name)
    selection = Selection(include, exclude, max_tags)
    with ExitStack() as stack:
        store = stack.enter_context(open_ledger(ledger, reports))
        stack.enter_context(interruptible())
        engine = stack.enter_context(Engine.connect())
        keeper = Recorder(store, reports)
        sweeping = Sweep(engine, keeper, by_name, options)
        source = _source(listing, include, exclude, max_tags)
        if not dry_run:
            at_work = store.sweeps.running(source, reaper.owner(), reaper.is_orphan)
            number = stack.enter_context(at_work)
            reaper.remove_orphans(engine)  # what a sweep that was killed has left
            image_cache.remove_orphans(engine)
        click.echo("certify: asking registries what is there", err=True)
        wanted, unlisted = expand(entries, _connect(engine), selection)
        _tell(listing, wanted, unlisted)
        wanted = [_with_platform(each, options) for each in wanted]
        plan = sweeping.plan(wanted, [profile.name for profile in defaults], force=force)
        if dry_run:
            print_plan(plan.items, Console())
            return
        click.echo(f"certify: {plan_line(plan.items)}", err=True)
        if plan.later:
            waits = f"{len(plan.later)} image{'s' * (len(plan.later) != 1)}"
            click.echo(f"certify: {waits} must wait: the registry limits pulls", err=True)
        with SweepProgress(plan.due) as progress:
            said = sweeping.run(
                plan, progress,
                jobs=jobs or _jobs(engine, options), room=_bytes(disk) if disk else room_on(engine),
            )  # fmt: skip
        mine, changed = sweeping.account(plan, said, unlisted, number, source)
        keeper.write_reports(mine)
    state = [*map(sweep_entry, mine), *map(_silent, unlisted)]
    print_results(mine, form, lambda: print_summary(state, changed, mine, Console()))
    unkept = say_unkept(keeper.unkept)
    sys.exit(exit_code(state, changed, fail_on) or unkept)


def _known(defaults: Sequence[Profile]) -> set[str]:
    return {*shipped(), *(profile.name for profile in defaults)}


def _connect(engine: Engine) -> Any:
    def connect(host: str) -> AbstractContextManager[Lists]:
        registry = engine.registry(host)
        return Hub(registry) if host == DOCKER_HUB else registry

    return connect


def _with_platform(wanted: Wanted, options: Options) -> Wanted:
    platform = wanted.platform or options.platform
    return Wanted(wanted.reference, wanted.profiles, platform)


def _jobs(engine: Engine, options: Options) -> int:
    """As many at a time as the host has cores, and memory for if each takes all that it may."""
    memory = engine.host().memory_bytes
    return max(1, min(engine.cpus, memory // _bytes(options.limits.memory)))


def _bytes(size: str) -> int:
    """A size as Docker writes it, such as ``20g``."""
    digits = size.rstrip("bkmg")
    unit: int = 1024 ** "bkmg".index(size[len(digits) :] or "b")
    return int(digits) * unit


def _source(
    listing: Path, include: tuple[str, ...], exclude: tuple[str, ...], max_tags: int | None
) -> str:
    """What a sweep is compared by: sweeps of parts of a list are another series than its own."""
    words = [str(listing)]
    words += [f"--include {glob}" for glob in include]
    words += [f"--exclude {glob}" for glob in exclude]
    words += [f"--max-tags {max_tags}"] if max_tags else []
    return " ".join(words)


def _tell(listing: Path, wanted: Sequence[Wanted], unlisted: Sequence[Unlisted]) -> None:
    """What a list does not lead to."""
    for each in unlisted:
        click.echo(f"certify: {listing}:{each.line}: {each.trouble.message}", err=True)
    if not wanted and not unlisted:
        click.echo(f"certify: {listing} leads to no image", err=True)


def _silent(unlisted: Unlisted) -> SweepEntry:
    """A glob that nobody could expand is one image that nothing is known of."""
    return SweepEntry(unlisted.pattern, "", "", "", Status.INCONCLUSIVE, cause=unlisted.trouble.message)


def exit_code(found: Sequence[SweepEntry], changed: Sequence[Change] | None, fail_on: str) -> int:
    """What a sweep means for the caller; one that found nothing is never a success."""
    if fail_on == "never":
        return CERTIFIED
    rejected = [each for each in found if each.status is Status.REJECTED]
    if fail_on == "newly-rejected" and changed is not None:
        new = (ChangeKind.BROKEN, ChangeKind.APPEARED)
        fresh = {change.image.key for change in changed if change.kind in new}
        rejected = [each for each in rejected if each.key in fresh]
    if rejected:
        return REJECTED
    unclear = not found or any(each.status is Status.INCONCLUSIVE for each in found)
    return INCONCLUSIVE if unclear else CERTIFIED
