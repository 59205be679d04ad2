"""Units of work: one image to certify once, for all that want it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from certify.judge.profiles import Profile
from certify.model.reference import Reference
from certify.sweep.plan import Item

PULLS_EACH = 2
"""What one image takes from a limit of pulls: the engine's, and reading its index."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One image to certify, once, for all profiles and under all names that lead to it."""

    reference: Reference
    """Pinned by digest, or the name of a local image."""
    platform: str
    """What to look for in a registry."""
    asked: str | None
    """Null where that is the engine's own: what is found is then judged by the checks."""
    profiles: tuple[Profile, ...]
    names: tuple[tuple[Reference, str], ...]
    """(reference, profile) of every item that its results answer."""


def units(
    items: Sequence[Item], profiles: Mapping[str, Profile], *, pull: str, native: str
) -> list[Unit]:
    """What is due: for each name the profiles that it is due for, and whom else that answers.

    ``native`` is the engine's own platform.
    """
    due: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        if item.state.due:
            due.setdefault((item.wanted.reference, item.wanted.platform), []).append(item)
    followers: dict[str, list[Item]] = {}
    for item in items:
        if item.same_as is not None:
            followers.setdefault(item.same_as, []).append(item)
    found = []
    for (name, platform), alike in due.items():
        reference = Reference.parse(name)
        local = pull == "never" or reference.image_id
        pinned = replace(reference, tag=None, digest=alike[0].wanted.digest)
        identities = {item.wanted.identity for item in alike}
        answers = tuple(
            (Reference.parse(item.wanted.reference), item.wanted.profile)
            for item in (*alike, *followers.get(name, ()))
            if item.wanted.identity in identities
        )
        chosen = tuple(profiles[item.wanted.profile] for item in alike)
        asked = platform if platform != native else None
        found.append(Unit(reference if local else pinned, platform, asked, chosen, answers))
    return found


def affordable(
    due: Sequence[Unit], allowed: Mapping[str, int], *, pull: str
) -> tuple[list[Unit], list[Unit]]:
    """What may be run, and what must wait because its registry allows no more pulls for now."""
    left = dict(allowed)
    now: list[Unit] = []
    later: list[Unit] = []
    for unit in due:
        host = unit.reference.registry
        if pull == "never" or host not in left:
            now.append(unit)
        elif left[host] >= PULLS_EACH:
            left[host] -= PULLS_EACH
            now.append(unit)
        else:
            later.append(unit)
    return now, later
