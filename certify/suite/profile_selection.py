"""The values of ``--profile``: names of shipped profiles, and files of the user's own."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from certify.judge.profiles import Profile, load, parse_profile, shipped
from certify.model.errors import BadProfile
from certify.suite.catalogue import claims, known_check_ids
from certify.util.files import read_text


def select_profile(name: str, own_checks: Path | None = None) -> Profile:
    """Return the shipped profile of a name, or the completed profile in a file.

    A file may also name checks of the folder ``own_checks``. Raises :class:`BadProfile`.
    """
    if not is_file(name):
        return load(name)
    return complete_profile(read_profile(Path(name), known_check_ids(own_checks)))


def is_file(name: str) -> bool:
    """Return True if a value of ``--profile`` is the path of a file."""
    return "/" in name or "\\" in name or name.endswith(".toml")


def read_profile(path: Path, known: Collection[str]) -> Profile:
    """Read a user's profile; ``known`` are the ids of all checks. Raises :class:`BadProfile`."""
    remedy = "Name a TOML file of a profile."
    text = read_text(path, BadProfile, option="--profile", remedy=remedy)
    return parse_profile(text, str(path), known=known, reserved=shipped())


def complete_profile(profile: Profile) -> Profile:
    """Return the profile with all checks that its checks need, as ``info`` where it names none.

    Otherwise a check could be skipped because of one that never ran. All checks need the one that
    fails if the container does not stay up.
    """
    needed = _with_needs(profile.checks)
    needed = _with_needs((*needed, _naming(profile, needed).liveness_check))
    return _naming(profile, needed)


def _naming(profile: Profile, ids: Iterable[str]) -> Profile:
    more = (each for each in ids if each not in profile.checks)
    return profile.model_copy(update={"info": (*profile.info, *more)})


def _with_needs(ids: Iterable[str]) -> tuple[str, ...]:
    """Return checks with all that they need, in the order of their run, the user's own last."""
    shipped, found = claims(), set(ids)
    for each in reversed(shipped):  # what a check needs runs before it
        found.update(shipped[each].needs if each in found else ())
    return (*(each for each in shipped if each in found), *sorted(found - shipped.keys()))


def select_profiles(names: Iterable[str], own_checks: Path | None = None) -> list[Profile]:
    """Return each profile once, in their order.

    Raises :class:`BadProfile`, also if two profiles have the same name.
    """
    found: dict[str, tuple[str, Profile]] = {}
    for name in dict.fromkeys(names):
        profile = select_profile(name, own_checks)
        if profile.name in found:
            raise BadProfile(
                f"--profile {name}: its name is {profile.name!r}, and so is that of "
                f"{found[profile.name][0]}",
                remedy="Give each a name of its own; results are recorded under it.",
            )
        found[profile.name] = (name, profile)
    return [profile for _, profile in found.values()]
