"""Options of the commands that certify."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import click

from certify.certification.options import Options
from certify.cli.completion import completes
from certify.cli.parameters import (
    FiniteNumber,
    engine_address,
    grouped,
    platform_or_all,
    size,
    variable,
)
from certify.engine.isolation import ISOLATIONS, REQUIRABLE, Isolation
from certify.engine.launch_plan import Limits
from certify.judge.profile import Profile
from certify.judge.profiles import shipped
from certify.judge.waivers import Waiver, parse_waivers
from certify.ledger.store import Ledger
from certify.model.errors import BadWaivers, UsageError
from certify.model.terms import Grade, Status
from certify.suite.catalogue import known_check_ids, own_checks_folder
from certify.suite.profile_selection import select_profiles
from certify.util.files import read_text

BASE_PROFILE = "devspace"
"""The profile that a base image of services is certified for."""
SAMPLE = "certify-sample/debian-devspace"
"""The base image where the ledger knows none: the sample that `make samples` makes."""


@dataclass(frozen=True)
class CertificationOptions:
    """The options of a command line, as parsed."""

    profiles: tuple[str, ...]
    platform: str | None
    engines: tuple[tuple[str, str], ...]
    pull: str
    timeout: float
    runs: int
    repeat: int
    checks: str | None
    waivers: Path | None
    isolation: str
    runtime: str | None
    require_isolation: str | None
    memory: str
    cpus: float | None
    disk_limit: str
    network: str | None
    reach: tuple[str, ...]
    base: str | None
    env: tuple[tuple[str, str], ...]
    lanes: bool

    @property
    def addresses(self) -> dict[str, str]:
        """The addresses of other engines, by platform. Raises :class:`UsageError`."""
        found = dict(self.engines)
        if len(found) != len(dict.fromkeys(self.engines)):
            raise UsageError("--engine: one platform has two engines.", remedy="Leave one out.")
        return found

    def resolve(self, *, keep: bool = False) -> tuple[list[Profile], Options]:
        """Read the profiles and files that they name.

        Raises :class:`~certify.model.errors.UsageError`.
        """
        own = own_checks_folder(self.checks) if self.checks else None
        return select_profiles(self.profiles, own), Options(
            platform=self.platform,
            pull=self.pull,
            isolation=Isolation(self.isolation, self.runtime, self.require_isolation),
            limits=Limits(
                memory=self.memory, cpus=self.cpus, disk=self.disk_limit, reach=self.reach
            ),
            network=self.network,
            timeout=self.timeout,
            own_checks=own,
            waivers=_read_waivers(self.waivers, own) if self.waivers else (),
            keep=keep,
            runs=self.runs,
            repeat=self.repeat,
            base=self.base or "",
            env=self.env,
            lanes=self.lanes,
        )


def _read_waivers(path: Path, own_checks: Path | None) -> tuple[Waiver, ...]:
    """Read a file of waivers; they may also name checks of the folder ``own_checks``.

    Raises :class:`BadWaivers` if the file cannot be read, or with every problem in it.
    """
    remedy = "Name a TOML file of waivers."
    text = read_text(path, BadWaivers, option="--waivers", remedy=remedy)
    return parse_waivers(text, str(path), known_check_ids(own_checks))


def with_base(options: Options, profiles: Iterable[Profile], ledger: Ledger) -> Options:
    """Return the options with a base image for services, where a profile needs one.

    It is the newest one that the ledger knows as certified native for devspace, or else the sample
    of that kind.
    """
    if options.base or all(each.launch != "nested" for each in profiles):
        return options
    now = datetime.now(UTC)
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


certification_options = grouped(
    "certification",
    CertificationOptions,
    click.option(
        "--profile", "profiles", multiple=True, default=("devspace",), show_default=True,
        metavar="NAME|FILE", shell_complete=completes(lambda _: shipped()),
        help="A profile (see `certify profiles`) or a TOML file; may be repeated.",
    ),
    click.option(
        "--platform", type=platform_or_all, metavar="OS/ARCH|ALL",
        help="Certify the image for this platform, or for all that it is published for.",
    ),
    click.option(
        "--engine", "engines", type=engine_address, multiple=True, metavar="ARCH=ADDRESS",
        help="Another engine for images of an architecture, such as arm64=ssh://host.",
    ),
    click.option(
        "--pull", type=click.Choice(["missing", "always", "never"]), default="missing",
        show_default=True, help="When to pull the image.",
    ),
    click.option(
        "--timeout", type=FiniteNumber(min=1), default=1200.0, show_default=True,
        metavar="S", help="Time limit for the checks of one image and its boot, in seconds.",
    ),
    click.option(
        "--runs", type=click.IntRange(min=1), default=1, show_default=True, metavar="N",
        help="Number of launches to measure startup by; the median counts.",
    ),
    click.option(
        "--repeat", type=click.IntRange(min=1), default=1, show_default=True, metavar="N",
        help="Run all checks so often; an outcome that differs is flaky, and counts as failed.",
    ),
    click.option("--checks", metavar="DIR", help="Also run the checks in this folder (test_*.py)."),
    click.option(
        "--waivers", type=click.Path(path_type=Path), metavar="FILE",
        help="Failures that are excused for a while (TOML; see docs/waivers.md).",
    ),
    click.option(
        "--isolation", type=click.Choice(ISOLATIONS), default="auto", show_default=True,
        help="Isolation of an image that boots systemd; auto: the strongest (docs/security.md).",
    ),
    click.option("--runtime", metavar="NAME", help="Runtime of the engine, such as Kata's."),
    click.option(
        "--require-isolation", type=click.Choice(REQUIRABLE),
        help="Launch at this level or a stronger one, or be inconclusive.",
    ),
    click.option("--memory", type=size, default="4g", show_default=True, help="Memory limit."),
    click.option("--cpus", type=FiniteNumber(min=0.1), help="CPU limit; default: all CPUs."),
    click.option(
        "--disk-limit", type=size, default="20g", show_default=True,
        help="What the image may write to the engine's disk.",
    ),
    click.option(
        "--network", metavar="NAME",
        help="Network of the engine to attach to; own: a new one for each container.",
    ),
    click.option(
        "--reach", multiple=True, metavar="HOST",
        help="With --network own: a private host or range that stays open, such as a mirror.",
    ),
    click.option(
        "--base", metavar="IMAGE",
        help="Base image to run a service in (profile service); default: the newest certified.",
    ),
    click.option(
        "--env", type=variable, multiple=True, metavar="NAME=VALUE",
        help="Give a service a variable; NAME alone takes the value from here.",
    ),
    click.option(
        "--lanes/--series", default=False, show_default=True,
        help="Run independent checks side by side, or all one after another.",
    ),
)  # fmt: skip
"""Adds the options; the command gets :class:`CertificationOptions` as ``certification``."""
