"""Options of the commands that certify, with the profiles, files and images that they name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from certify.certification.options import Options
from certify.cli.certification_options import CertificationOptions
from certify.engine.isolation import Isolation
from certify.engine.launch_plan import Limits
from certify.engine.own_network import is_own
from certify.judge.profile import Profile
from certify.judge.waivers import Waiver, parse_waivers
from certify.model.errors import BadWaivers, UsageError
from certify.model.terms import Grade, Status
from certify.suite.catalogue import known_check_ids, own_checks_folder
from certify.suite.profile_selection import select_profiles
from certify.util.files import read_text

if TYPE_CHECKING:
    from certify.ledger.store import Ledger

BASE_PROFILE = "devspace"
"""The profile that a base image of services is certified for."""
SAMPLE = "certify-sample/debian-devspace"
"""The base image where the ledger knows none: the sample that `make samples` makes."""


def resolve(options: CertificationOptions, *, keep: bool = False) -> tuple[list[Profile], Options]:
    """Read the profiles and files that the options of a command line name.

    Raises :class:`~certify.model.errors.UsageError`.
    """
    _refuse_useless_reach(options)
    own = own_checks_folder(options.checks) if options.checks else None
    return select_profiles(options.profiles, own), Options(
        platform=options.platform,
        pull=options.pull,
        isolation=Isolation(options.isolation, options.runtime, options.require_isolation),
        limits=Limits(
            memory=options.memory, cpus=options.cpus, disk=options.disk_limit, reach=options.reach
        ),
        network=options.network,
        timeout=options.timeout,
        own_checks=own,
        waivers=_read_waivers(options.waivers, own) if options.waivers else (),
        keep=keep,
        runs=options.runs,
        repeat=options.repeat,
        base=options.base or "",
        env=options.env,
        lanes=options.lanes,
    )


def _refuse_useless_reach(options: CertificationOptions) -> None:
    """Raise :class:`UsageError` for a ``--reach`` that opens nothing.

    Settings may name what to reach whenever the network is its own.
    """
    context = click.get_current_context(silent=True)
    source = context and context.get_parameter_source("reach")
    if options.reach and not is_own(options.network) and source is ParameterSource.COMMANDLINE:
        raise UsageError(
            "--reach opens nothing on a network that others use.",
            remedy="Leave --network out, so that each image has one of its own, or --reach.",
        )


def _read_waivers(path: Path, own_checks: Path | None) -> tuple[Waiver, ...]:
    """Read a file of waivers; they may also name checks of the folder ``own_checks``.

    Raises :class:`BadWaivers` if the file cannot be read, or with every problem in it.
    """
    remedy = "Name a TOML file of waivers."
    text = read_text(path, BadWaivers, option="--waivers", remedy=remedy)
    return parse_waivers(text, str(path), known_check_ids(own_checks))


def with_base(
    options: Options, profiles: Iterable[Profile], get_ledger: Callable[[], Ledger]
) -> Options:
    """Return the options with a base image for services, where a profile needs one.

    It is the newest one that the ledger knows as certified native for devspace, or else the sample
    of that kind.
    """
    if options.base or all(each.launch != "nested" for each in profiles):
        return options
    now, ledger = datetime.now(UTC), get_ledger()
    bases = [
        each for each in ledger.results_in_force()
        if each.profile == BASE_PROFILE and each.status is Status.CERTIFIED
        and each.expires_at > now
    ]  # fmt: skip
    for base in sorted(bases, key=lambda each: each.finished_at, reverse=True):
        found = (each for each in ledger.history(base.reference) if each.profile == BASE_PROFILE)
        if next(found).verdict.grade is Grade.NATIVE:
            return replace(options, base=base.reference)
    return replace(options, base=SAMPLE)
