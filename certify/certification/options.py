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
from certify.model.result import Image
from certify.suite.digest import ResolvedOptions, suite_digest


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
    runs: int = 1
    """The number of launches; those after the first only measure the startup times."""
    stopped: Callable[[], bool] = lambda: False
    """A function called every now and then; once it returns True, the certification ends early."""

    def suite_digest(self, engine: Engine | Trouble, profile: Profile, image: Image) -> str:
        """Return the digest of everything that can change the verdict of an image."""
        isolation, platform = Isolation(self.isolation.level, self.isolation.runtime), self.platform
        if not isinstance(engine, Trouble):
            platform = platform or engine.platform
            with contextlib.suppress(LaunchRefused):  # the launch itself reports it
                isolation = engine.resolve_isolation(isolation, profile.launch)
        resolved = ResolvedOptions(
            isolation=str(isolation),
            platform=normalize_platform(platform or ""),
            network=self.network,
            limits=self.limits,
            runs=self.runs,
            waivers=digest(matching(self.waivers, image)),
        )
        return suite_digest(profile, resolved, self.own_checks)
