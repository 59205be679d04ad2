"""The options of a certification."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from certify.engine.client import Engine
from certify.engine.isolation import Isolation
from certify.engine.launch_plan import Limits
from certify.judge.profile import Profile
from certify.judge.waivers import Waiver, digest, matching
from certify.model.errors import LaunchRefused, Trouble
from certify.model.platform import normalize_platform
from certify.model.reference import Reference
from certify.model.result import Image
from certify.suite.digest import ResolvedOptions, suite_digest
from certify.suite.job import launch_of


@dataclass(frozen=True)
class Options:
    """The way to certify, the same for every image of a run."""

    platform: str | None = None
    """The requested platform; None for the engine's own."""
    pull: str = "missing"
    """``missing``, ``always`` or ``never``."""
    isolation: Isolation = field(default_factory=Isolation)
    limits: Limits = field(default_factory=Limits)
    network: str | None = None
    timeout: float = 1200.0
    """Seconds for all checks of one image and its boot, but not for the pull."""
    own_checks: Path | None = None
    """A directory with additional checks of the user."""
    waivers: tuple[Waiver, ...] = ()
    """The waivers for any image; each is matched against the image under test."""
    keep: bool = False
    """True to leave the container running."""
    base: str = ""
    """The image in whose dockerd a service is launched; empty if none was found."""
    env: tuple[tuple[str, str], ...] = ()
    """The environment that a service is given, by name."""
    runs: int = 1
    """The number of launches; those after the first only measure the startup times."""
    repeat: int = 1
    """The number of times that all checks run; an outcome that differs is flaky."""
    confirm: bool = False
    """True to run all checks once more on an image that was certified before, and now fails."""
    lanes: bool = True
    """True to run checks that do not depend on each other side by side, where a core is idle."""
    stopped: Callable[[], bool] = lambda: False
    """A function called every now and then; once it returns True, the certification ends early."""

    def base_image(self, engine: Engine, pull: str | None = None) -> str:
        """Return the id of the image in whose dockerd a service is launched.

        Raises :class:`~certify.model.errors.Trouble` if there is none.
        """
        if not self.base:
            raise LaunchRefused(
                "There is no base image to launch the service in.",
                remedy="Name one with --base: an image that is certified native for devspace.",
            )
        base = Reference.parse(self.base)
        return engine.resolve(base, platform=None, pull=pull or self.pull).image_id or self.base

    def suite_digest(self, engine: Engine | Trouble, profile: Profile, image: Image) -> str:
        """Return the digest of everything that can change the verdict of an image."""
        isolation, platform = Isolation(self.isolation.level, self.isolation.runtime), self.platform
        base = self.base if profile.launch == "nested" else ""
        if not isinstance(engine, Trouble):
            platform = platform or engine.platform
            with contextlib.suppress(LaunchRefused):  # the launch itself reports it
                isolation = engine.resolve_isolation(isolation, launch_of(profile))
            with contextlib.suppress(Trouble):
                base = base and self.base_image(engine, "never")
        resolved = ResolvedOptions(
            isolation=str(isolation),
            platform=normalize_platform(platform or ""),
            network=self.network,
            limits=self.limits,
            runs=self.runs,
            repeat=self.repeat,
            base=base,
            env=self.env if profile.launch == "nested" else (),
            waivers=digest(matching(self.waivers, image)),
        )
        return suite_digest(profile, resolved, self.own_checks)
