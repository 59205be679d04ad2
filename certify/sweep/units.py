"""Units of work: one image to certify once, for every name and profile that leads to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from certify.judge.profile import Profile
from certify.model.reference import Reference
from certify.model.subject import Subject

if TYPE_CHECKING:  # a plan reads the ledger, and progress is shown without
    from certify.sweep.plan import Item, ResolvedImage

PULLING, WAITING, STARTING = "pulling", "waiting", "starting"
"""The phases of a unit before its certification; while one waits, nothing happens to it."""
REQUESTS_PER_PULL = 2
"""The share of one image in a limit of pulls: the engine's pull and one read of its index."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One image to certify once, for all profiles and under all its names."""

    reference: Reference
    """The reference, pinned to a digest unless the image is local."""
    platform: str
    """The platform to look for in a registry."""
    requested_platform: str | None
    """The same; None if it is the engine's own, so that the checks judge whatever is found."""
    profiles: tuple[Profile, ...]
    names: tuple[tuple[Reference, str], ...]
    """The reference and profile of every item that gets its results."""
    platforms: tuple[str, ...] = ()
    """The platforms of its index, if all of them are listed; else empty."""
    was_certified: bool = False
    """True if a certificate stands for it, or for what one of its names led to before."""
    subjects: tuple[Subject, ...] = ()
    """What no other sweep may certify meanwhile, one for each profile."""

    def of_profiles(self, chosen: Callable[[str], bool]) -> Unit:
        """Return the same with some of its profiles, chosen by their names."""
        return replace(
            self,
            profiles=tuple(each for each in self.profiles if chosen(each.name)),
            names=tuple(each for each in self.names if chosen(each[1])),
            subjects=tuple(each for each in self.subjects if chosen(each.profile)),
        )

    @property
    def name(self) -> Reference:
        """The first of its names, under which it is certified."""
        return self.names[0][0]


def make_units(
    items: Sequence[Item],
    profiles: Mapping[str, Profile],
    *,
    pull: str,
    native: str,
    host_class: str = "",
) -> list[Unit]:
    """Return a unit for each image that is due, with all the names that share its results.

    ``native`` is the engine's own platform, and ``host_class`` the kind of its host.
    """
    due: dict[tuple[str, str], list[Item]] = {}
    sharing: dict[str, list[Item]] = {}
    for item in items:
        if item.state.due:
            due.setdefault((item.image.reference, item.image.platform), []).append(item)
        if item.same_as is not None:
            sharing.setdefault(item.same_as, []).append(item)
    units = []
    for (name, platform), alike in due.items():
        reference = Reference.parse(name)
        local = pull == "never" or reference.image_id
        pinned = replace(reference, tag=None, digest=alike[0].image.digest)
        identities = {item.image.identity for item in alike}
        names = tuple(
            (Reference.parse(item.image.reference), item.image.profile)
            for item in (*alike, *sharing.get(name, ()))
            if item.image.identity in identities
        )
        units.append(
            Unit(
                reference=reference if local else pinned,
                platform=platform,
                requested_platform=platform if platform != native else None,
                profiles=tuple(profiles[item.image.profile] for item in alike),
                platforms=alike[0].image.platforms,
                names=names,
                was_certified=any(item.was_certified for item in alike),
                subjects=tuple(_subject(item.image, host_class) for item in alike),
            )
        )
    return units


def _subject(image: ResolvedImage, host_class: str) -> Subject:
    return Subject(
        image.digest or image.reference, image.platform, image.profile, image.suite, host_class
    )


def split_by_pull_limit(
    due: Sequence[Unit], allowed: Mapping[str, int], *, pull: str
) -> tuple[list[Unit], list[Unit]]:
    """Return the units to run now, and those that must wait for their registry's limit of pulls.

    ``allowed`` is the number of pulls left, by registry; the others have no limit.
    """
    left = dict(allowed)
    now: list[Unit] = []
    later: list[Unit] = []
    for unit in due:
        host = unit.reference.registry
        if pull == "never" or host not in left:
            now.append(unit)
        elif left[host] >= REQUESTS_PER_PULL:
            left[host] -= REQUESTS_PER_PULL
            now.append(unit)
        else:
            later.append(unit)
    return now, later
