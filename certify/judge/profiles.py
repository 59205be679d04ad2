"""Profiles: which checks a platform requires and recommends, and its budgets.

A profile is data. Those that ship are the TOML files in the folder ``profiles`` beside this module;
a new platform is a new file there and no code. People bring files of their own.

A profile that says ``extends = "NAME"`` has all that the shipped profile NAME has, and its own:

- ids of checks and what is installed are added; an id that it names at another level moves there
- ``launch`` and single budgets are the other's where it does not say them itself
- name, title, description and source are always its own
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from certify.judge.profile import GROUPS, Budgets, Capability, Profile
from certify.model.errors import BadProfile
from certify.model.terms import Level
from certify.util.toml import line_of

__all__ = [
    "GROUPS", "Budgets", "Capability", "Profile",
    "is_file", "load", "load_file", "parse", "shipped",
]  # fmt: skip

_LEVELS = tuple(level.value for level in Level)


def shipped() -> tuple[str, ...]:
    """Names of the profiles that come with certify, sorted."""
    return tuple(sorted(_texts()))


def load(name: str) -> Profile:
    """Read a shipped profile; any other name raises :class:`BadProfile` with the known ones."""
    texts = _texts()
    if name not in texts:
        raise BadProfile(f"there is no profile {name!r}", remedy=_the_profiles_are(name, texts))
    return parse(texts[name], f"{name}.toml")


def is_file(name: str) -> bool:
    """Whether it names a file of the user's own, not a profile that ships."""
    return "/" in name or "\\" in name or name.endswith(".toml")


def load_file(path: Path, known: Collection[str]) -> Profile:
    """Read a profile from a file of the user's own; ``known`` are the ids of all checks.

    Raises :class:`BadProfile` for a file that cannot be read, for all that is wrong in it, and for
    the name of a profile that ships.
    """
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise BadProfile(
            f"--profile {path}: {error.strerror or error}", remedy="Name a TOML file of a profile."
        ) from error
    except UnicodeDecodeError as error:
        raise BadProfile(f"--profile {path}: this is not text in UTF-8: {error}") from error
    profile = parse(text, str(path), known=known)
    if profile.name in shipped():
        raise BadProfile(
            f"{_place(text, str(path), ('name',))}: {profile.name!r} is a profile that ships",
            remedy="Give yours a name of its own; it may extend the other.",
        )
    return profile


def parse(
    text: str,
    source: str,
    *,
    known: Collection[str] | None = None,
    library: Mapping[str, str] | None = None,
) -> Profile:
    """Read a profile from TOML; ``source`` names the file in messages.

    ``known``, if given, are the ids of all checks; ``library`` holds the texts of the profiles
    that can be extended, by name (default: those that ship). Raises :class:`BadProfile` with file,
    line, key and what is wrong, for everything that is wrong.
    """
    table = _whole(text, source, library if library is not None else _texts(), ())
    try:
        return Profile.model_validate(table, context={"known": known})
    except ValidationError as problem:
        lines = (_problem(text, source, error) for error in problem.errors(include_url=False))
        raise BadProfile("\n".join(lines)) from problem


def _whole(
    text: str, source: str, library: Mapping[str, str], trail: tuple[str, ...]
) -> dict[str, Any]:
    """The table of a profile, with what it has from those that it extends."""
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as problem:
        raise BadProfile(f"{source}: this is not TOML: {problem}") from problem
    parent = table.get("extends")
    if not isinstance(parent, str):
        return table
    place = _place(text, source, ("extends",))
    if parent in trail or parent == table.get("name"):
        way = " → ".join((*trail, str(table.get("name")), parent))
        raise BadProfile(f"{place}: profiles extend each other in a circle: {way}")
    if parent not in library:
        raise BadProfile(
            f"{place}: there is no profile {parent!r}", remedy=_the_profiles_are(parent, library)
        )
    trail = (*trail, str(table.get("name")))
    return _added(_whole(library[parent], f"{parent}.toml", library, trail), table)


def _added(parent: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """What a profile says, over what the one that it extends says.

    Its own ids stand first, so that a position in an error is that of its own file.
    """
    lists = {key: _list(own, key) for key in (*_LEVELS, "install")}
    named = [check_id for level in _LEVELS for check_id in lists[level]]
    table = {"launch": parent.get("launch"), **own}
    for key, mine in lists.items():
        taken = named if key in _LEVELS else mine
        if isinstance(own.get(key, []), list):  # else it is wrong, and must be told so
            table[key] = mine + [each for each in _list(parent, key) if each not in taken]
    if isinstance(own.get("budgets", {}), dict):
        table["budgets"] = {**parent.get("budgets", {}), **own.get("budgets", {})}
    return table


def _list(table: Mapping[str, Any], key: str) -> list[Any]:
    value = table.get(key)
    return value if isinstance(value, list) else []


@cache
def _texts() -> dict[str, str]:
    folder = resources.files("certify.judge") / "profiles"
    return {
        file.name.removesuffix(".toml"): file.read_text(encoding="utf-8")
        for file in folder.iterdir()
        if file.name.endswith(".toml")
    }


def _the_profiles_are(name: str, known: Collection[str]) -> str:
    close = get_close_matches(name.lower(), known, n=1)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    return f"{hint}The profiles are: {', '.join(sorted(known))}"


def _problem(text: str, source: str, error: ErrorDetails) -> str:
    said = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        fields = Budgets.model_fields if error["loc"][0] == "budgets" else Profile.model_fields
        close = get_close_matches(str(error["loc"][-1]), fields, n=1)
        said = "is not known here" + (f"; did you mean {close[0]!r}?" if close else "")
    return f"{_place(text, source, error['loc'])}: {said}"


def _place(text: str, source: str, location: tuple[int | str, ...]) -> str:
    """Where it is: ``mine.toml:7: budgets.boot``; without a line if it stands nowhere."""
    line = line_of(text, location)
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    key = "".join(steps).removeprefix(".")
    return f"{source}:{line}: {key}" if line else f"{source}: {key}"
