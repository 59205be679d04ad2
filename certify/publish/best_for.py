"""The images of a matrix that are best for a use, derived from what was proven. Pure.

Only certificates that stand count, and only checks that passed by themselves: a waiver proves
nothing. Images are compared within a platform; several names of one image count once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from rich.filesize import decimal

from certify.model.result import Result
from certify.model.terms import Grade, Outcome, Status
from certify.publish.phrases import seconds, status_of


@dataclass(frozen=True, slots=True)
class Use:
    """A use of images, and what an image must prove for it."""

    name: str
    profile: str = ""
    """The profile that it must be certified for; empty for any."""
    check: str = ""
    """A check of the profile that must have passed."""
    native: bool = False
    by_boot: bool = False
    """True if the fastest boot is best; otherwise the smallest image."""

    def measure(self, result: Result) -> float | None:
        """Return the value to compare; None if the result does not prove the use."""
        if self.profile and result.profile != self.profile:
            return None
        if self.native and result.verdict.grade is not Grade.NATIVE:
            return None
        if self.check and not any(
            each.id == self.check and each.outcome is Outcome.PASSED for each in result.checks
        ):
            return None
        return result.startup.boot_seconds if self.by_boot else result.image.size_bytes


USES = (
    Use("smallest"),
    Use("workspace", "devspace", native=True, by_boot=True),
    Use("Python with C extensions", "python", "python.extension"),
    Use("Node.js with native modules", "node", "node.addon"),
    Use("Go and static binaries", "go", "go.static"),
)


@dataclass(frozen=True, slots=True)
class Best:
    """The best image for a use on a platform."""

    use: str
    platform: str
    result: Result
    measured: str
    """The value by which it is the best, such as ``1.2 s to boot``."""
    among: int
    """The number of images that were proven for the use, this one included."""


def best_for(results: Iterable[Result], now: datetime | None) -> list[Best]:
    """Return the best image for each platform and use, as far as any was proven for it.

    Certificates that have expired by ``now`` do not count.
    """
    certified = [each for each in results if status_of(each, now) == Status.CERTIFIED.value]
    found = []
    for platform in sorted({each.image.platform or "" for each in certified}):
        here = [each for each in certified if (each.image.platform or "") == platform]
        for use in USES:
            fitting = [(value, each) for each in here if (value := use.measure(each)) is not None]
            if not fitting:
                continue
            value, best = min(fitting, key=lambda pair: (pair[0], pair[1].image.reference))
            among = {each.image.digest or each.image.image_id for _, each in fitting}
            measured = f"{seconds(value)} to boot" if use.by_boot else decimal(int(value))
            found.append(Best(use.name, platform, best, measured, len(among)))
    return found
