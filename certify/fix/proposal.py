"""The story of a fix: what a result says is wrong, and the Dockerfile that mends it."""

from __future__ import annotations

from dataclasses import dataclass

from certify.engine import packages
from certify.fix import rules
from certify.fix.dockerfile import PackageLines, dockerfile
from certify.fix.rules import MISSING, Action, Step
from certify.model.result import Result


@dataclass(frozen=True)
class Fix:
    """What can be done for one image."""

    steps: tuple[Step, ...]
    text: str
    """The Dockerfile."""

    @property
    def mends(self) -> bool:
        """Whether it mends anything at all."""
        return any(step.mends for step in self.steps)

    @property
    def left(self) -> dict[str, list[str]]:
        """The checks that it leaves as they are, by the reason why."""
        return rules.left(self.steps)

    @property
    def complete(self) -> bool:
        """Whether it leaves nothing for which the image would be rejected."""
        return not rules.unmended(self.steps)


def fix(result: Result, *, user: str = "") -> Fix:
    """The fix for the image of a result; ``user`` is the one that the image names."""
    family = _family(result.image.package_manager)

    def unavailable(capability: str) -> str:
        if family is None:
            return "The image has no package manager that certify knows."
        default = "" if family.gives(capability) else f"certify knows no package of {family.name}."
        return family.unavailable.get(capability, default)

    steps = rules.steps(result, unavailable)
    lines = _lines(family, steps) if family else PackageLines()
    return Fix(steps, dockerfile(result, steps, lines, user=user))


def _family(name: str | None) -> packages.Family | None:
    return next((each for each in packages.families() if each.name == name), None)


def _lines(family: packages.Family, steps: tuple[Step, ...]) -> PackageLines:
    wanted = [step.what for step in steps if step.action is Action.INSTALL and step.what != MISSING]
    upgrade = any(step.action is Action.UPGRADE for step in steps)
    return PackageLines(family.layer(wanted, upgrade=upgrade), family.refresh, family.clean)
