"""Options of the commands that certify."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from certify.cli.completion import completes
from certify.cli.parameters import (
    FiniteNumber,
    engine_address,
    grouped,
    host_or_range,
    platform_or_all,
    size,
    variable,
)
from certify.engine.isolation import ISOLATIONS, REQUIRABLE
from certify.model.errors import UsageError


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


def _profiles(_ctx: click.Context) -> list[str]:
    """Return the names of the profiles that ship with certify, for completion."""
    from certify.judge.profiles import shipped  # noqa: PLC0415 - help needs none

    return list(shipped())


certification_options = grouped(
    "certification",
    CertificationOptions,
    click.option(
        "--profile", "profiles", multiple=True, default=("devspace",), show_default=True,
        metavar="NAME|FILE", shell_complete=completes(_profiles),
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
        help="Failures that are excused for a while (TOML; `certify help waivers.md`).",
    ),
    click.option(
        "--isolation", type=click.Choice(ISOLATIONS), default="auto", show_default=True,
        help="Isolation of an image that boots systemd; auto: the strongest"
        " (`certify help security.md`).",
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
        help="Network of the engine to attach to, such as bridge, its default. Otherwise each image"
        " gets a network of its own where it can; own insists on that.",
    ),
    click.option(
        "--reach", type=host_or_range, multiple=True, metavar="HOST",
        help="A private host or range that stays open to the image, such as a mirror.",
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
        "--lanes/--series", default=True, show_default=True,
        help="Run independent checks side by side where a core is idle, or all one after another.",
    ),
)  # fmt: skip
"""Adds the options; the command gets :class:`CertificationOptions` as ``certification``."""
