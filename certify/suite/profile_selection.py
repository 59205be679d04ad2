"""What ``--profile`` names: profiles that ship, and files of the user's own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from certify.judge.profiles import Profile, is_file, load, load_file
from certify.model.errors import BadProfile
from certify.suite.catalogue import claims, known_ids


def chosen_profile(name: str, own_checks: Path | None = None) -> Profile:
    """The profile of a name, or in a file; ``own_checks`` holds checks that a file may name too.

    It is :func:`completed`. Raises :class:`BadProfile`.
    """
    if not is_file(name):
        return load(name)
    return completed(load_file(Path(name), known_ids(own_checks)))


def completed(profile: Profile) -> Profile:
    """The profile, with the checks that those it names need, as ``info`` where it names none.

    A check that is skipped because of one that nobody asked would never be answered. What answers
    for a container that does not stay up is needed by all.
    """
    needed = _with_needs(profile.checks)
    needed = _with_needs((*needed, _naming(profile, needed).anchor))
    return _naming(profile, needed)


def _naming(profile: Profile, ids: Iterable[str]) -> Profile:
    more = (each for each in ids if each not in profile.checks)
    return profile.model_copy(update={"info": (*profile.info, *more)})


def _with_needs(ids: Iterable[str]) -> tuple[str, ...]:
    """Checks, and all that they need; in the order in which they run, those of one's own last."""
    shipped, found = claims(), set(ids)
    for each in reversed(shipped):  # what a check needs runs before it
        found.update(shipped[each].needs if each in found else ())
    return (*(each for each in shipped if each in found), *sorted(found - shipped.keys()))


def chosen_profiles(names: Iterable[str], own_checks: Path | None = None) -> list[Profile]:
    """Each of them once, in their order. Raises :class:`BadProfile` if two have one name."""
    found: dict[str, tuple[str, Profile]] = {}
    for name in dict.fromkeys(names):
        profile = chosen_profile(name, own_checks)
        if profile.name in found:
            raise BadProfile(
                f"--profile {name}: its name is {profile.name!r}, and so is that of "
                f"{found[profile.name][0]}",
                remedy="Give each a name of its own; results are recorded under it.",
            )
        found[profile.name] = (name, profile)
    return [profile for _, profile in found.values()]
