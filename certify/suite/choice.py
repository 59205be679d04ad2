"""What ``--profile`` names: profiles that ship, and files of the user's own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from certify.errors import BadProfile
from certify.judge.profiles import Profile, is_file, load, load_file
from certify.suite.catalogue import known_ids


def chosen_profile(name: str, own_checks: Path | None = None) -> Profile:
    """The profile of a name, or in a file; ``own_checks`` holds checks that a file may name too.

    Raises :class:`BadProfile`.
    """
    if not is_file(name):
        return load(name)
    return load_file(Path(name), known_ids(own_checks))


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
