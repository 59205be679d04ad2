"""Lanes: checks that do not depend on each other run side by side. Pure: decides which may.

A run has stages. As soon as the image is up, the checks that measure times run, with what they and
several lanes need. Then each lane has a process and shells of its own. What has no lane, is the
user's own, or ends the container comes after all lanes.
"""

from __future__ import annotations

from collections.abc import Sequence

from certify.judge.groups import GROUPS, Group
from certify.model.finding import Finding
from certify.model.terms import Fault, Outcome
from certify.suite.claims import Spec

EARLY, LAST = "early", "last"
"""The stages in which checks run alone; any other place is the name of a lane."""
_SHORT_SECONDS = 60.0
"""A wait that reached a limit below this may have been too short for a busy machine."""


def places(specs: Sequence[Spec], own: Sequence[bool]) -> list[str]:
    """Return the stage or the lane of each check.

    ``specs`` are in the order of a run in series; ``own`` tells which are the user's.
    """
    early = _early(specs)

    def place(spec: Spec, *, is_own: bool) -> str:
        if is_own or spec.last:
            return LAST
        return EARLY if spec.claim.id in early else _group(spec).lane or LAST

    return [place(spec, is_own=is_own) for spec, is_own in zip(specs, own, strict=True)]


def _group(spec: Spec) -> Group:
    return GROUPS.get(spec.claim.group, Group())


def _early(specs: Sequence[Spec]) -> set[str]:
    """Return the ids of the checks that measure times, or that another lane needs, and their needs.

    A check comes after those that it needs.
    """
    lanes = {spec.claim.id: _group(spec).lane for spec in specs}
    found = {spec.claim.id for spec in specs if _group(spec).timed}
    for spec in reversed(specs):
        id = spec.claim.id
        found.update(
            need for need in spec.claim.needs
            if id in found or (lanes[id] and lanes.get(need) != lanes[id])
        )  # fmt: skip
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
