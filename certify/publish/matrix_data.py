"""The compatibility matrix as data: sections of results, and a cell per group of checks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, takewhile

from certify.ledger.summaries import once_per_outcomes
from certify.model.result import Check, Result
from certify.model.terms import Outcome, Status
from certify.publish.phrases import PROBLEMS, Mark, is_decisive, mark_of
from certify.util.text import one_line

LISTED = 5
"""The most checks that a table names for one image; the JSON names them all."""

_LONG_DIGEST = re.compile(r"(sha\d+:[0-9a-f]{12})[0-9a-f]+")


@dataclass(frozen=True)
class Cell:
    """One group of checks of one result: its worst mark, and the number of checks with it."""

    mark: Mark | None
    """The worst mark; None if the result has no check of the group."""
    count: int = 0
    total: int = 0

    def __str__(self) -> str:
        """Return ``✓ 8``, ``✗ 1/8``, or an empty text without a check."""
        if self.mark is None:
            return ""
        share = "" if self.count == self.total else f"/{self.total}"
        return f"{self.mark} {self.count}{share}"

    @property
    def brief(self) -> str:
        """The mark, with the number of checks if they did not pass: ``✓``, ``✗ 1``."""
        if self.mark in (None, Mark.PASSED, Mark.SKIPPED):
            return str(self.mark or "")
        return f"{self.mark} {self.count}"


@dataclass(frozen=True)
class Section:
    """The results of one profile on one platform, shown as one table."""

    profile: str
    platform: str | None
    """The platform; None if it is unknown for all results of the profile."""
    results: tuple[Result, ...]

    @property
    def title(self) -> str:
        """The heading, such as ``devspace · linux/amd64``."""
        return " · ".join(one_line(word) for word in (self.profile, self.platform) if word)

    @cached_property
    def groups(self) -> list[str]:
        """The groups of checks, in the order in which they first appear."""
        return list(dict.fromkeys(chain.from_iterable(groups_of(r.checks) for r in self.results)))


def sections_of(results: Iterable[Result]) -> list[Section]:
    """Split results by profile and platform, in the order given.

    A result without a platform (its image could not be pulled) joins the first section of its
    profile.
    """
    found: dict[tuple[str, str | None], list[Result]] = {}
    first: dict[str, str] = {}
    results = list(results)
    for result in results:
        if result.image.platform:
            first.setdefault(result.profile, result.image.platform)
    for result in results:
        platform = result.image.platform or first.get(result.profile)
        found.setdefault((result.profile, platform), []).append(result)
    return [Section(profile, platform, tuple(rows)) for (profile, platform), rows in found.items()]


def cell_of(result: Result, groups: Sequence[str]) -> Cell:
    """Return one cell for the checks of some groups."""
    checks = tuple(check for check in result.checks if check.group in groups)
    return _cell(checks, result.verdict.status is Status.CERTIFIED)


@once_per_outcomes
def cells_of(checks: tuple[Check, ...], certified: bool) -> dict[str, Cell]:
    """Return a cell for each group among the checks of an image that is certified, or not."""
    return {group: _cell(each, certified) for group, each in groups_of(checks).items()}


@once_per_outcomes
def groups_of(checks: tuple[Check, ...]) -> dict[str, tuple[Check, ...]]:
    """Return the checks of each group; a group need not be in one piece."""
    groups: dict[str, list[Check]] = {}
    for check in checks:
        groups.setdefault(check.group, []).append(check)
    return {group: tuple(checks) for group, checks in groups.items()}


def _cell(checks: tuple[Check, ...], certified: bool) -> Cell:
    if all(check.outcome is Outcome.PASSED for check in checks):
        return Cell(Mark.PASSED, len(checks), len(checks)) if checks else Cell(None)
    marks = Counter(mark_of(check) for check in checks)
    deciding = {mark_of(check) for check in checks if is_decisive(check)}
    # If an image is certified, its required checks were skipped because they do not apply.
    worst = (Mark.FAILED, Mark.UNKNOWN) if certified else (Mark.FAILED, Mark.UNKNOWN, Mark.SKIPPED)
    order = [mark for mark in worst if mark in deciding]
    order += [mark for mark in (Mark.NOTED, Mark.UNKNOWN, Mark.PASSED, Mark.SKIPPED) if marks[mark]]
    return Cell(order[0], marks[order[0]], len(checks)) if order else Cell(None)


def problem_checks(result: Result) -> list[Check]:
    """Return the checks that failed or are unknown, those that decide the verdict first."""
    return problems_of(result.checks)


@once_per_outcomes
def problems_of(checks: tuple[Check, ...]) -> list[Check]:
    """Return those that failed or are unknown, first those that decide."""
    wrong = [check for check in checks if check.outcome is not Outcome.PASSED]
    found = [check for check in wrong if mark_of(check) in PROBLEMS]
    return sorted(found, key=lambda c: (not is_decisive(c), PROBLEMS.index(mark_of(c))))


def short_references(results: Sequence[Result]) -> tuple[str, list[str]]:
    """Return what all references begin with, up to a slash, and the rest of each.

    The tag ``latest`` is left out, and a digest is cut to twelve digits.
    """
    names = [
        _LONG_DIGEST.sub(r"\1", one_line(each.image.reference)).removesuffix(":latest")
        for each in results
    ]
    folders = zip(*(name.split("/")[:-1] for name in names), strict=False)
    common = takewhile(lambda parts: len(set(parts)) == 1, folders)
    prefix = "".join(f"{parts[0]}/" for parts in common) if len(names) > 1 else ""
    return prefix, [name.removeprefix(prefix) for name in names]
