"""Lanes: checks that do not depend on each other run side by side. Pure: decides which may.

A run has stages. The checks before all lanes look at the image as shipped; those that measure
times follow, with what they need, as soon as it is up. Then each lane has a process and shells of
its own. What has no lane, is the user's own, or ends the container comes after all lanes.
"""

from __future__ import annotations

from collections.abc import Sequence

from certify.judge.groups import GROUPS, Group
from certify.model.finding import Finding
from certify.model.terms import Fault, Outcome
from certify.suite.claims import Spec

FIRST, TIMED, LAST = "first", "timed", "last"
"""The stages in which checks run alone; any other place is the name of a lane."""
_SHORT_SECONDS = 60.0
"""A wait that reached a limit below this may have been too short for a busy machine."""


def places(specs: Sequence[Spec], own: Sequence[bool]) -> list[str]:
    """Return the stage or the lane of each check.

    ``specs`` are in the order of a run in series; ``own`` tells which are the user's.
    """
    timed = _timed(specs)
    found: list[str] = []
    alone = FIRST
    for spec, is_own in zip(specs, own, strict=True):
        group = _group(spec)
        if group.lane or group.timed:
            alone = LAST
        if is_own or spec.last:
            found.append(LAST)
        elif spec.claim.id in timed and alone is LAST:
            found.append(TIMED)
        else:
            found.append(group.lane or alone)
    return found


def _group(spec: Spec) -> Group:
    return GROUPS.get(spec.claim.group, Group())


def _timed(specs: Sequence[Spec]) -> set[str]:
    """Return the ids of the checks that measure times, and of all that they need."""
    found = {spec.claim.id for spec in specs if _group(spec).timed}
    for spec in reversed(specs):
        found.update(spec.claim.needs if spec.claim.id in found else ())
    return found


def is_lasting(spec: Spec) -> bool:
    """Return True if the answer of a check must still be the same once all lanes have ended."""
    return spec.claim.id in _group(spec).lasting


def is_doubtful(finding: Finding) -> bool:
    """Return True if other work at the same time may be why a check did not pass."""
    if finding.outcome not in (Outcome.FAILED, Outcome.UNKNOWN):
        return False
    is_short = 0 < finding.waited < _SHORT_SECONDS
    return is_short or finding.fault in (Fault.HOST, Fault.LAUNCH, Fault.TOOL)
