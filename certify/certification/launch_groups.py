"""Groups of profiles that can share a launch and still get the verdicts of separate launches. Pure.

All checks of a group run in one container. A check that is skipped or excused because of another
check always names that check. If it belongs to none of the profile's own checks, the profile gets
a launch of its own. The changes that a check makes matter only to the checks that need it, and a
profile runs all that its checks need
(:func:`certify.suite.profile_selection.complete_profile`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from certify.judge.profile import Profile
from certify.model.finding import Finding
from certify.suite.catalogue import claims

_TIMED = {"startup.boot", "startup.dockerd"}
"""The checks whose times every further launch measures again."""


def group_by_launch(
    profiles: Sequence[Profile], *, own_checks: bool = False
) -> list[list[Profile]]:
    """Return the profiles in groups that can share a launch.

    ``own_checks`` is True if checks of the user run as well. They may depend on any shipped check,
    so then only profiles with the same shipped checks share a launch.
    """
    groups: dict[object, list[Profile]] = {}
    for profile in profiles:
        relevant = set(claims()) if own_checks else _TIMED
        key = (
            profile.launch, profile.liveness_check, frozenset(profile.install),
            profile.launch_budgets, frozenset(relevant & set(profile.checks)),
        )  # fmt: skip
        groups.setdefault(key, []).append(profile)
    return list(groups.values())


def findings_of(profile: Profile, findings: Mapping[str, Finding]) -> dict[str, Finding]:
    """Return the findings of the profile's checks and of all checks of the user."""
    if findings.keys() <= set(profile.checks):
        return dict(findings)
    foreign = _foreign_checks(profile)
    return {each: finding for each, finding in findings.items() if each not in foreign}


def needs_own_launch(profile: Profile, findings: Mapping[str, Finding]) -> bool:
    """Return True if a check of another profile kept one of this profile's from its own outcome.

    That check reports the failure with more detail, or did not pass first, or ended the container.
    """
    foreign = _foreign_checks(profile)
    return any(each.because in foreign for each in findings_of(profile, findings).values())


def _foreign_checks(profile: Profile) -> set[str]:
    return claims().keys() - set(profile.checks)
