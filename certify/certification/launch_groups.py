"""Profiles that share a launch, so that each gets in company what it gets alone. Pure.

All checks that any of them names are asked of one container. Where one that a profile does not name
had a say in what that profile is judged by, the profile is owed a launch of its own. That shows:
what is not asked because of another check always names it. And what a check changes it changes only
for those that need it; a profile asks for all that its checks need
(:func:`certify.suite.profile_selection.complete_profile`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from certify.judge.profiles import Profile
from certify.model.finding import Finding
from certify.suite.catalogue import claims

_TIMED = {"startup.boot", "startup.dockerd"}
"""What these measure, every further launch measures again."""


def companies(profiles: Sequence[Profile], *, own_checks: bool = False) -> list[list[Profile]]:
    """The profiles, in groups that may share a launch; ``own_checks``: a user's own run as well."""
    groups: dict[object, list[Profile]] = {}
    for profile in profiles:
        # What a user's own checks need of the shipped ones, nobody knows.
        relevant = set(claims()) if own_checks else _TIMED
        key = (
            profile.launch, profile.liveness_check, frozenset(profile.install),
            profile.launch_budgets, frozenset(relevant & set(profile.checks)),
        )  # fmt: skip
        groups.setdefault(key, []).append(profile)
    return list(groups.values())


def findings_of(profile: Profile, findings: Mapping[str, Finding]) -> dict[str, Finding]:
    """What a profile is judged by: the checks that it names, and all of a user's own."""
    foreign = _foreign(profile)
    return {each: finding for each, finding in findings.items() if each not in foreign}


def was_disturbed(profile: Profile, findings: Mapping[str, Finding]) -> bool:
    """Whether a check that the profile does not name kept one of its own from being asked.

    It tells better what went wrong, or was to say it first, or ended the container.
    """
    foreign = _foreign(profile)
    return any(each.because in foreign for each in findings_of(profile, findings).values())


def _foreign(profile: Profile) -> set[str]:
    return claims().keys() - set(profile.checks)
