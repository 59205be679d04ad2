"""Certified images that fit what somebody needs, by what was proven or is installed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from certify.ledger.summaries import once_per_outcomes
from certify.model.inventory import Inventory, unpack
from certify.model.result import Check, Result
from certify.model.terms import Level, Outcome, Status
from certify.publish.matrix_data import groups_of
from certify.util.text import counted

_PACKAGES = {
    "python": ("python3", "python"), "node": ("nodejs", "node"),
    "go": ("golang-go", "golang", "go"),
    "compose": ("docker-compose", "docker-compose-v2", "docker-compose-plugin"),
}  # fmt: skip
"""The names that packages have, where it is not the need's own."""


@dataclass
class Suggestion:
    """An image that fits: all its certificates, and how each need is met."""

    results: list[Result]
    how: dict[str, str] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int | None:
        """The size of the image."""
        return self.results[0].image.size_bytes

    @property
    def boot_seconds(self) -> float | None:
        """The fastest boot of its certificates, if any was timed."""
        timed = [each.startup.boot_seconds for each in self.results]
        return min((each for each in timed if each is not None), default=None)


def suggest(
    results: Iterable[Result], needs: Sequence[str], size_max: int | None, *, fastest: bool
) -> list[Suggestion]:
    """Return the images of valid certificates that meet all needs, smallest or fastest first.

    A need is a profile, a check, a group of checks, or a package. Only what an image ships counts,
    not what a launch installed.
    """
    images: dict[tuple[str, str, str], list[Result]] = {}
    for each in results:
        image = each.image
        key = (image.reference, image.platform or "", image.identity)
        images.setdefault(key, []).append(each)
    found = []
    for together in images.values():
        certified = [one for one in together if one.verdict.status is Status.CERTIFIED]
        size = certified[0].image.size_bytes if certified else None
        if not certified or (size_max is not None and (size is None or size > size_max)):
            continue
        inventory = next(filter(None, (unpack(one.inventory) for one in certified)), {})
        how = {need: _how(need, certified, inventory) for need in needs}
        if all(how.values()):
            found.append(Suggestion(certified, how))
    endless = float("inf")

    def size_of(each: Suggestion) -> float:
        return endless if each.size_bytes is None else each.size_bytes

    def boot_of(each: Suggestion) -> float:
        return endless if each.boot_seconds is None else each.boot_seconds

    order = (boot_of, size_of) if fastest else (size_of, boot_of)
    return sorted(
        found, key=lambda each: (*(by(each) for by in order), each.results[0].image.reference)
    )


def proven_groups(result: Result) -> list[str]:
    """Return the groups whose checks all passed on what the image ships."""
    missing = {*result.launch.missing}
    return [group for group in _passed_groups(result.checks) if group not in missing]


@once_per_outcomes
def _passed_groups(checks: tuple[Check, ...]) -> list[str]:
    return [group for group, each in groups_of(checks).items() if _counted(each, group)]


def _proven(result: Result, need: str) -> int:
    """Return how many checks of a group, or of that id, passed on what the image ships.

    It is 0 if one of them did not pass; those of a group that only inform do not count.
    """
    if {*need.split(".")} & {*result.launch.missing}:
        return 0
    return _counted(result.checks, need)


def _counted(checks: Iterable[Check], need: str) -> int:
    outcomes = [
        each.outcome is Outcome.PASSED
        for each in checks
        if each.id == need or (each.group == need and each.level is not Level.INFO)
    ]
    return len(outcomes) if all(outcomes) else 0


def _how(need: str, certified: Sequence[Result], inventory: Inventory) -> str:
    """Return how an image meets a need: a profile, a check or a package; empty if it does not."""
    for result in certified:
        if result.profile == need:
            return f"certified for {need}"
        if number := _proven(result, need):
            passed = need if "." in need else f"{counted(number, 'check')} of {need}"
            return f"{passed} passed"
    packages = inventory.get("package", {})
    for name in _PACKAGES.get(need, (need,)):
        if version := packages.get(name):
            return f"{name} {version}"
    return ""
