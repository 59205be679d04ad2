"""A proposal: the steps that fix the image of a result, and their Dockerfile."""

from __future__ import annotations

import re
from dataclasses import dataclass

from certify.engine import packages
from certify.fix import rules
from certify.fix.dockerfile import PLAIN_BASE, BaseFacts, PackageLines, dockerfile
from certify.fix.rules import MISSING, Action, Step
from certify.model.errors import BadReference
from certify.model.reference import Reference
from certify.model.result import Result
from certify.model.terms import Grade, Status


@dataclass(frozen=True)
class Proposal:
    """The fix for one image."""

    steps: tuple[Step, ...]
    text: str
    """The Dockerfile."""

    def text_on(self, image: str) -> str:
        """Return the Dockerfile with another image, a copy of the same, in its FROM."""
        return re.sub(r"^FROM .+$", f"FROM {image}", self.text, count=1, flags=re.MULTILINE)

    @property
    def fixes_any(self) -> bool:
        """True if the Dockerfile fixes anything at all."""
        return any(step.fixes for step in self.steps)

    @property
    def unfixed(self) -> dict[str, list[str]]:
        """The checks that stay failed, by the reason."""
        return rules.unfixed(self.steps)

    @property
    def complete(self) -> bool:
        """True if nothing is left that would reject the image."""
        return not rules.unfixed_decisive(self.steps)


def is_offered(result: Result) -> bool:
    """Return True if ``certify fix`` should make the image native.

    That is what the terminal and the site offer after a result.
    """
    if result.verdict.status is not Status.REJECTED and result.verdict.grade is not Grade.ON_LAUNCH:
        return False
    try:
        if Reference.parse(result.image.reference).archive is not None:
            return False
    except BadReference:
        return False
    steps = _steps(result, _family(result.image.package_manager))
    return not rules.unfixed_decisive(steps) and any(step.fixes for step in steps)


def propose(result: Result, base: BaseFacts = PLAIN_BASE) -> Proposal:
    """Return the fix for the image of a result, about which ``base`` holds more facts."""
    family = _family(result.image.package_manager)
    steps = _steps(result, family)
    lines = _lines(family, steps) if family else PackageLines()
    return Proposal(steps, dockerfile(result, steps, lines, base))


def _steps(result: Result, family: packages.Family | None) -> tuple[Step, ...]:
    def unavailable(capability: str) -> str:
        if family is None:
            return "The image has no package manager that certify knows."
        elsewhere = family.elsewhere.get(capability)
        messages = (each.message for each in result.checks if each.id.startswith(f"{capability}."))
        if elsewhere and any(rules.NOT_IN_REPOSITORIES in message for message in messages):
            return elsewhere.reason
        if family.provides(capability):
            return ""
        os = result.image.os
        return family.reason_without(capability, os.id if os else None).reason

    return rules.steps(result, unavailable)


def _family(name: str | None) -> packages.Family | None:
    return next((each for each in packages.families() if each.name == name), None)


def _lines(family: packages.Family, steps: tuple[Step, ...]) -> PackageLines:
    installs = [step.argument for step in steps if step.action is Action.INSTALL]
    wanted = [each for each in installs if each != MISSING]
    upgrade = any(step.action is Action.UPGRADE for step in steps)
    return PackageLines(
        family.layer_commands(wanted, upgrade=upgrade), family.refresh, family.clean
    )
