"""The steps that fix failed checks, by the rules of ``fixes.toml``. Pure.

A step is proposed only if the check's message or evidence shows the cause, so that a Dockerfile
makes no false promise. Only the next certification proves a fix.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from functools import cache
from typing import Self

from pydantic import Field, model_validator

from certify.judge.excerpts import printed
from certify.model.result import Check, Result
from certify.model.terms import Level, Outcome, Status
from certify.model.value import Value
from certify.util.toml import packaged

MISSING = "missing"
"""Stands for all capabilities that had to be installed at launch."""

NOT_IN_REPOSITORIES = "its repositories have no package"
"""Part of the message of a check whose capability no repository of the image provides."""
AT_LAUNCH = "Had to be installed at each launch."
OFFERED = "No command is sure to fix it; the end of the Dockerfile has one to consider."


class Action(StrEnum):
    """A way to treat a failed check."""

    INSTALL = "install"
    UPGRADE = "upgrade"
    RUN = "run"
    ENV = "env"
    OFFER = "offer"
    """Propose a command that a person must decide on."""
    CANNOT = "cannot"


class Rule(Value):
    """One table of ``fixes.toml``, which explains the fields."""

    check: str
    also: tuple[str, ...] = ()
    reason: str = Field(min_length=1)
    pattern: re.Pattern[str] = re.compile("")
    families: tuple[str, ...] = ()
    install: str = ""
    upgrade: bool = False
    run: str = ""
    env: str = ""
    offer: str = ""
    cannot: bool = False
    first: bool = False
    needs_lists: bool = False
    blocks: bool = False

    @model_validator(mode="after")
    def _has_one_action(self) -> Self:
        if sum(bool(getattr(self, action)) for action in Action) != 1:
            raise ValueError(f"{self.check}: a rule has exactly one of {', '.join(Action)}")
        return self

    @property
    def action(self) -> Action:
        """The action of the rule."""
        return next(action for action in Action if getattr(self, action))

    def fits(self, check: Check, family: str | None) -> bool:
        """Return True if the rule applies to a failed check of an image."""
        return (
            check.id in (self.check, *self.also)
            and (not self.families or family in self.families)
            and self.match(check) is not None
        )

    def match(self, check: Check) -> re.Match[str] | None:
        """Return the match of the pattern in the check's message, or in what commands printed."""
        return self.pattern.search(f"{check.message}\n{printed(check.evidence)}")


class Step(Value):
    """The treatment of one failed check."""

    check: str
    action: Action
    argument: str = ""
    """The capability to install, or the command to run or to offer."""
    reason: str
    decisive: bool = False
    """True if the image stays rejected unless this check is fixed."""
    first: bool = False
    needs_lists: bool = False

    @property
    def fixes(self) -> bool:
        """True if the step should make the check pass."""
        return self.action not in (Action.OFFER, Action.CANNOT)

    @property
    def reason_unfixed(self) -> str:
        """The reason why the check is not fixed."""
        return OFFERED if self.action is Action.OFFER else self.reason


@cache
def rules() -> tuple[Rule, ...]:
    """Return all rules in the order in which they are tried."""
    return tuple(
        Rule.model_validate(table) for table in packaged("certify.fix", "fixes.toml")["fix"]
    )


def steps(result: Result, unavailable: Callable[[str], str]) -> tuple[Step, ...]:
    """Return a step for each failed check in its order, then for what else was missing at launch.

    ``unavailable`` returns why no package provides a capability, or an empty text if one does.
    Checks of level info count only if they are decisive.
    """
    decisive = _decisive(result)
    family = result.image.package_manager
    found: list[Step] = []
    blocker: str | None = None
    for check in result.checks:
        if check.outcome is not Outcome.FAILED:
            continue
        if check.level is Level.INFO and check.id not in decisive:
            continue
        rule = next((rule for rule in rules() if rule.fits(check, family)), None)
        found.append(_step(check, rule, decisive=check.id in decisive))
        if rule is not None and rule.blocks:
            blocker = blocker or check.id
    added = {step.argument for step in found if step.action is Action.INSTALL}
    more = [
        Step(check=_check_for(each), action=Action.INSTALL, argument=each, reason=AT_LAUNCH)
        for each in result.launch.missing
        if each not in added
    ]
    proposed = [_feasible(step, blocker, unavailable) for step in found]
    # No check failed without these, so those that are unavailable are left out.
    return (*proposed, *(step for step in more if step == _feasible(step, blocker, unavailable)))


def unfixed(proposed: Iterable[Step]) -> dict[str, list[str]]:
    """Map each reason to the checks that it leaves failed; decisive ones are marked (required)."""
    reasons: dict[str, list[str]] = {}
    for step in proposed:
        if not step.fixes:
            name = f"{step.check} (required)" if step.decisive else step.check
            reasons.setdefault(step.reason_unfixed, []).append(name)
    return reasons


def unfixed_decisive(proposed: Sequence[Step]) -> tuple[Step, ...]:
    """Return the steps that leave the image rejected."""
    return tuple(step for step in proposed if step.decisive and not step.fixes)


def _decisive(result: Result) -> set[str]:
    """Return the failed checks that reject the image, whatever their own level."""
    failed = {check.id: check for check in result.checks if check.outcome is Outcome.FAILED}
    required = {
        check.id
        for check in failed.values()
        if check.level is Level.REQUIRED and check.waiver is None
    }
    if result.verdict.status is not Status.REJECTED:
        return required
    return required | {each.check for each in result.verdict.reasons if each.check in failed}


def _step(check: Check, rule: Rule | None, *, decisive: bool) -> Step:
    if rule is None:
        reason = check.remedy or "certify knows no remedy for it."
        return Step(check=check.id, action=Action.CANNOT, reason=reason, decisive=decisive)
    action = rule.action
    argument = "" if action in (Action.UPGRADE, Action.CANNOT) else getattr(rule, action)
    match = rule.match(check)
    for name, value in (match.groupdict() if match else {}).items():
        argument = argument.replace(f"{{{name}}}", shlex.join(value.split(", ")))
    return Step(
        check=check.id,
        action=action,
        argument=argument,
        reason=rule.reason,
        decisive=decisive,
        first=rule.first,
        needs_lists=rule.needs_lists,
    )


def _feasible(step: Step, blocker: str | None, unavailable: Callable[[str], str]) -> Step:
    """Return the step, or one that says why it is impossible."""
    needs_packages = step.action in (Action.INSTALL, Action.UPGRADE) or step.needs_lists
    reason = ""
    if needs_packages and blocker:
        reason = f"Nothing can be installed while {blocker} fails."
    elif step.action is Action.INSTALL and step.argument != MISSING:
        reason = unavailable(step.argument)
    return step.model_copy(update={"action": Action.CANNOT, "reason": reason}) if reason else step


def _check_for(capability: str) -> str:
    """Return the check that needs a capability."""
    named = (rule.check for rule in rules() if rule.install == capability)
    return next(named, "startup.provision")
