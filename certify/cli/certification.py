"""Options of every command that certifies, and what becomes of them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from certify.certification.certify import Options
from certify.cli.options import read_waivers
from certify.engine.launch_plan import ISOLATIONS, Limits
from certify.judge.profiles import Profile
from certify.model.platform import PLATFORM, normalize_platform
from certify.suite.catalogue import own_checks_folder
from certify.suite.profile_selection import select_profiles

F = TypeVar("F", bound=Callable[..., Any])


class Memory(click.ParamType[str]):
    """An amount of memory as Docker writes it."""

    name = "size"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Check the form; the engine does the arithmetic."""
        text = str(value).lower()
        if not re.fullmatch(r"[1-9][0-9]*[bkmg]?", text):
            self.fail(f"{value!r} is not a size; expected for example 512m or 4g", param, ctx)
        return text


class Finite(click.FloatRange):
    """A number of seconds or processors; neither nan nor infinity is one."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Check the form and the bounds."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return number


class Platform(click.ParamType[str]):
    """OS/ARCH or OS/ARCH/VARIANT."""

    name = "os/arch"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Check the form; whether the image has it, the registry says."""
        text = str(value)
        if not PLATFORM.fullmatch(text) or not text.startswith("linux/"):
            self.fail(f"{value!r} is not a platform; expected for example linux/arm64", param, ctx)
        return normalize_platform(text)


_OPTIONS = (
    click.option(
        "--profile", "profiles", multiple=True, default=("devspace",), show_default=True,
        metavar="NAME|FILE",
        help="What to certify for (see `certify profiles`), or a TOML file; may be repeated.",
    ),
    click.option("--platform", type=Platform(), help="Certify the image for this platform."),
    click.option(
        "--pull", type=click.Choice(["missing", "always", "never"]), default="missing",
        show_default=True, help="When to ask the registry for the image.",
    ),
    click.option(
        "--timeout", type=Finite(min=1), default=1200.0, show_default=True,
        metavar="S", help="Seconds for the checks of one image, its boot included.",
    ),
    click.option(
        "--runs", type=click.IntRange(min=1), default=1, show_default=True, metavar="N",
        help="Launches to measure startup by; their median counts.",
    ),
    click.option("--checks", metavar="DIR", help="Run the checks of this folder too (test_*.py)."),
    click.option(
        "--waivers", type=click.Path(path_type=Path), metavar="FILE",
        help="Failures that are excused for a while (TOML; see docs/waivers.md).",
    ),
    click.option(
        "--isolation", type=click.Choice(ISOLATIONS), default="auto", show_default=True,
        help="How a systemd launch is confined.",
    ),
    click.option("--memory", type=Memory(), default="4g", show_default=True, help="Memory limit."),
    click.option("--cpus", type=Finite(min=0.1), help="CPU limit; default: the host's."),
    click.option("--network", metavar="NAME", help="Network of the engine to attach to."),
)  # fmt: skip


def certification_options(function: F) -> F:
    """Add the options, in their order; the command gets them as ``**chosen``."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def certification(
    *,
    profiles: tuple[str, ...],
    platform: str | None,
    pull: str,
    timeout: float,
    runs: int,
    checks: str | None,
    waivers: Path | None,
    isolation: str,
    memory: str,
    cpus: float | None,
    network: str | None,
    keep: bool = False,
) -> tuple[list[Profile], Options]:
    """The profiles and options that were chosen. Raises :class:`UsageError`, and runs nothing."""
    own = own_checks_folder(checks) if checks else None
    return select_profiles(profiles, own), Options(
        platform=platform,
        pull=pull,
        isolation=isolation,
        limits=Limits(memory=memory, cpus=cpus),
        network=network,
        timeout=timeout,
        own_checks=own,
        waivers=read_waivers(waivers, own) if waivers else (),
        keep=keep,
        runs=runs,
    )
