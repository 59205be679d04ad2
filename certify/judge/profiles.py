"""Profiles as TOML: those that ship, and those of users.

The shipped profiles are the files in the folder ``profiles`` beside this module; a new platform
needs a new file there and no code.

A profile with ``extends = "NAME"`` takes over the shipped profile NAME and changes it:

- checks and capabilities are added; a check that it names at another level moves there, and an
  empty ``install`` takes over none
- ``launch`` and each budget are inherited unless it sets them
- name, title, description and source are always its own
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from functools import cache
from importlib import resources
from typing import Any

from certify.judge.profile import Budgets, Capability, Profile
from certify.model.errors import BadProfile
from certify.model.terms import Level
from certify.util.toml import Document

__all__ = ["Budgets", "Capability", "Profile", "load", "parse_profile", "shipped"]

_LEVELS = tuple(level.value for level in Level)


def shipped() -> tuple[str, ...]:
    """Return the names of the profiles that come with certify, sorted."""
    return tuple(sorted(_texts()))


def load(name: str) -> Profile:
    """Return a shipped profile. Raises :class:`BadProfile` if there is none of that name."""
    texts = _texts()
    if name not in texts:
        raise BadProfile(f"there is no profile {name!r}", remedy=_suggestion(name, texts))
    return parse_profile(texts[name], f"{name}.toml")


def parse_profile(
    text: str,
    source: str,
    *,
    known: Collection[str] | None = None,
    library: Mapping[str, str] | None = None,
    reserved: Collection[str] = (),
) -> Profile:
    """Read a profile from TOML; ``source`` names the file in messages.

    ``known``, if given, are the ids of all checks; ``library`` maps the names of the profiles that
    can be extended to their texts (default: those that ship); ``reserved`` are names that belong
    to shipped profiles. Raises :class:`BadProfile` with every problem: file, line, key and what
    was expected.
    """
    document = Document(text, source, BadProfile)
    table = _extended(document, library if library is not None else _texts(), ())
    profile = document.validated(Profile, table, context={"known": known})
    if profile.name in reserved:
        raise document.problem(
            ("name",),
            f"{profile.name!r} is a profile that ships",
            remedy="Give yours another name; it may extend the shipped one.",
        )
    return profile


def _extended(
    document: Document, library: Mapping[str, str], children: tuple[str, ...]
) -> dict[str, Any]:
    """Return a profile's table merged with those that it extends."""
    table = document.table
    parent = table.get("extends")
    if not isinstance(parent, str):
        return table
    name = str(table.get("name"))
    if parent in children or parent == name:
        circle = " → ".join((*children, name, parent))
        raise document.problem(("extends",), f"profiles extend each other in a circle: {circle}")
    if parent not in library:
        remedy = _suggestion(parent, library)
        raise document.problem(("extends",), f"there is no profile {parent!r}", remedy=remedy)
    inherited = Document(library[parent], f"{parent}.toml", BadProfile)
    return _merged(_extended(inherited, library, (*children, name)), table)


def _merged(parent: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return a profile's own table on top of its parent's.

    Its own ids come first, so that positions in errors are those of its own file.
    """
    lists = {key: _list(own, key) for key in (*_LEVELS, "install")}
    named = [check_id for level in _LEVELS for check_id in lists[level]]
    table = {"launch": parent.get("launch"), **own}
    for key, mine in lists.items():
        taken = named if key in _LEVELS else mine
        if key == "install" and own.get(key) == []:
            continue
        if isinstance(own.get(key, []), list):  # leave other types for validation to reject
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


def _suggestion(name: str, known: Collection[str]) -> str:
    close = get_close_matches(name.lower(), known, n=1)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    return f"{hint}The profiles are: {', '.join(sorted(known))}"
