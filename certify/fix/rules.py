"""What of a result can be mended, and how: the rules of ``fixes.toml``, applied. Pure.

A step is proposed only where the check's own words say what is wrong, so that a Dockerfile
does not promise what it cannot keep. Proof is the next certification alone.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Self

from pydantic import Field, field_validator, model_validator

from certify.model.result import Check, Result
from certify.model.terms import Level, Outcome, Status
from certify.model.value import Value

MISSING = "missing"
"""In place of a capability: all that had to be installed at launch."""

AT_LAUNCH = "Had to be installed at each launch."
OFFERED = (
    "Nothing is sure to mend it; the end of the Dockerfile has a command for whoever knows better."
)


class Action(StrEnum):
    """What is done about a failed check."""

    INSTALL = "install"
    UPGRADE = "upgrade"
    RUN = "run"
    OFFER = "offer"
    """Left to a person to decide; it mends nothing by itself."""
    CANNOT = "cannot"


class Rule(Value):
    """One table of ``fixes.toml``, which explains the fields."""

    check: str
    why: str = Field(min_length=1)
    seen: str = ""
    families: tuple[str, ...] = ()
    install: str = ""
    upgrade: bool = False
    run: str = ""
    offer: str = ""
    cannot: bool = False
    first: bool = False
    lists: bool = False
    blocks: bool = False

    @field_validator("seen")
    @classmethod
    def _is_a_pattern(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as problem:
            raise ValueError(f"{pattern!r} is no regular expression: {problem}") from problem
        return pattern

    @model_validator(mode="after")
    def _does_one_thing(self) -> Self:
        if sum(bool(getattr(self, action)) for action in Action) != 1:
            raise ValueError(f"{self.check}: a rule does one thing of {', '.join(Action)}")
        return self

    @property
    def action(self) -> Action:
        """What the rule does."""
        return next(action for action in Action if getattr(self, action))

    def fits(self, check: Check, family: str | None) -> bool:
        """Whether it is about what was seen in this image."""
        return (
            check.id == self.check
            and (not self.families or family in self.families)
            and self.match(check) is not None
        )

    def match(self, check: Check) -> re.Match[str] | None:
        """Where the check says what the rule is about."""
        return re.search(self.seen, f"{check.message}\n{check.evidence}")


class Step(Value):
    """What is to be done about one failed check, or why nothing can be."""

    check: str
    action: Action
    what: str = ""
    """A capability to install, or a command to run or to offer."""
    why: str
    decides: bool = False
    """The verdict hangs on it: the image stays rejected unless this is mended."""
    first: bool = False
    lists: bool = False

    @property
    def mends(self) -> bool:
        """Whether it should make the check pass."""
        return self.action not in (Action.OFFER, Action.CANNOT)

    @property
    def excuse(self) -> str:
        """Why the check is left as it is."""
        return OFFERED if self.action is Action.OFFER else self.why


@cache
def rules() -> tuple[Rule, ...]:
    """All rules, in the order in which they are tried."""
    text = (resources.files("certify.fix") / "fixes.toml").read_text(encoding="utf-8")
    return tuple(Rule.model_validate(table) for table in tomllib.loads(text)["fix"])


def steps(result: Result, unavailable: Callable[[str], str]) -> tuple[Step, ...]:
    """What to do about each failed check of a result, in its order, then what else was missing.

    ``unavailable`` says of a capability why no package of the image's can give it; empty if
    one can. Checks of level info count only where the verdict hangs on them.
    """
    deciding = _deciding(result)
    family = result.image.package_manager
    found: list[Step] = []
    blocker: str | None = None
    for check in result.checks:
        if check.outcome is not Outcome.FAILED:
            continue
        if check.level is Level.INFO and check.id not in deciding:
            continue
        rule = next((rule for rule in rules() if rule.fits(check, family)), None)
        found.append(_step(check, rule, decides=check.id in deciding))
        if rule is not None and rule.blocks:
            blocker = blocker or check.id
    added = {step.what for step in found if step.action is Action.INSTALL}
    more = [
        Step(check=_check_for(each), action=Action.INSTALL, what=each, why=AT_LAUNCH)
        for each in result.launch.missing
        if each not in added
    ]
    proposed = [_feasible(step, blocker, unavailable) for step in found]
    # No check failed for want of these, so there is nothing to say if they cannot be had.
    return (*proposed, *(step for step in more if step == _feasible(step, blocker, unavailable)))


def left(proposed: Iterable[Step]) -> dict[str, list[str]]:
    """What is left as it is: for each reason the checks, marked where the verdict needs them."""
    reasons: dict[str, list[str]] = {}
    for step in proposed:
        if not step.mends:
            name = f"{step.check} (required)" if step.decides else step.check
            reasons.setdefault(step.excuse, []).append(name)
    return reasons


def unmended(proposed: Sequence[Step]) -> tuple[Step, ...]:
    """The steps that leave a check failed on which the verdict hangs."""
    return tuple(step for step in proposed if step.decides and not step.mends)


def _deciding(result: Result) -> set[str]:
    """Failed checks on which the verdict hangs, whatever their own level."""
    failed = {check.id: check for check in result.checks if check.outcome is Outcome.FAILED}
    required = {
        check.id
        for check in failed.values()
        if check.level is Level.REQUIRED and check.waiver is None
    }
    if result.verdict.status is not Status.REJECTED:
        return required
    return required | {each.check for each in result.verdict.reasons if each.check in failed}


def _step(check: Check, rule: Rule | None, *, decides: bool) -> Step:
    if rule is None:
        why = check.remedy or "certify knows no remedy for it."
        return Step(check=check.id, action=Action.CANNOT, why=why, decides=decides)
    action = rule.action
    what = "" if action in (Action.UPGRADE, Action.CANNOT) else getattr(rule, action)
    match = rule.match(check)
    if match and "units" in match.groupdict():
        what = what.replace("{units}", shlex.join(match["units"].split(", ")))
    return Step(
        check=check.id,
        action=action,
        what=what,
        why=rule.why,
        decides=decides,
        first=rule.first,
        lists=rule.lists,
    )


def _feasible(step: Step, blocker: str | None, unavailable: Callable[[str], str]) -> Step:
    """The step, or why it cannot be taken."""
    needs_packages = step.action in (Action.INSTALL, Action.UPGRADE) or step.lists
    why = ""
    if needs_packages and blocker:
        why = f"Nothing can be installed while {blocker} fails."
    elif step.action is Action.INSTALL and step.what != MISSING:
        why = unavailable(step.what)
    return step.model_copy(update={"action": Action.CANNOT, "why": why}) if why else step


def _check_for(capability: str) -> str:
    """The check that a capability is for."""
    named = (rule.check for rule in rules() if rule.install == capability)
    return next(named, "startup.provision")
