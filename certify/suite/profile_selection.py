"""What ``--profile`` names: profiles that ship, and files of the user's own."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from certify.judge.profiles import Profile, load, parse_profile, shipped
from certify.model.errors import BadProfile
from certify.suite.catalogue import claims, known_ids
from certify.util.files import read_text


def chosen_profile(name: str, own_checks: Path | None = None) -> Profile:
    """Return the shipped profile of a name, or the profile in a file, :func:`completed`.

    A file may also name checks of the folder ``own_checks``. Raises :class:`BadProfile`.
    """
    if not is_file(name):
        return load(name)
    return completed(read_profile(Path(name), known_ids(own_checks)))


def is_file(name: str) -> bool:
    """Return True if a value of ``--profile`` is the path of a file."""
    return "/" in name or "\\" in name or name.endswith(".toml")


def read_profile(path: Path, known: Collection[str]) -> Profile:
    """Read a user's profile; ``known`` are the ids of all checks. Raises :class:`BadProfile`."""
    remedy = "Name a TOML file of a profile."
    text = read_text(path, BadProfile, option="--profile", remedy=remedy)
    return parse_profile(text, str(path), known=known, reserved=shipped())


def completed(profile: Profile) -> Profile:
    """The profile, with the checks that those it names need, as ``info`` where it names none.

    A check that is skipped because of one that nobody asked would never be answered. What answers
    for a container that does not stay up is needed by all.
    """
    needed = _with_needs(profile.checks)
    needed = _with_needs((*needed, _naming(profile, needed).liveness_check))
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
