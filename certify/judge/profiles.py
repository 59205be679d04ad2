"""Profiles: which checks a platform requires and recommends, and its budgets.

A profile is data. Those that ship are the TOML files in the folder ``profiles`` beside this module;
a new platform is a new file there and no code.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable
from difflib import get_close_matches
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Annotated, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from certify.errors import BadProfile
from certify.model import LaunchKind, Level, Value

GROUPS = ("image", "packages", "systemd", "dockerd", "startup", "workspace")
"""The order of the groups in every report; groups that are not named here come after these."""

Capability = Literal["systemd", "dockerd", "user", "sudo", "download", "bash"]
"""What a platform can install at launch.

``user`` is useradd or adduser, ``download`` any of curl and wget.
"""

_CHECK_ID = re.compile(r"[a-z][a-z0-9_-]*\.[a-z][a-z0-9_-]*")
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
# Strict, so that neither `true` nor "15" passes for a number of seconds.
_Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
_PROSE = frozenset({"title", "description", "source"})


class Budgets(Value):
    """How long things may take, in seconds."""

    boot: _Seconds = 15.0
    """From the start of PID 1 to boot completion."""
    dockerd: _Seconds = 20.0
    """From the start of PID 1 until dockerd is ready."""
    provision: _Seconds = 300.0
    """Installing at launch what the image lacks."""
    shutdown: _Seconds = 10.0
    """From the stop signal until PID 1 has ended."""


class Profile(Value):
    """What one platform asks of an image."""

    name: str
    title: str = Field(min_length=1)
    """A few words for tables."""
    description: str = Field(min_length=1)
    source: str = Field(min_length=1)
    """Where the requirement comes from."""
    launch: LaunchKind
    """``init``: systemd is booted; ``idle``: a shell keeps it alive; ``image``: its own command."""
    install: tuple[Capability, ...] = ()
    """What the platform itself installs at launch where the image lacks it."""
    required: tuple[str, ...] = Field(min_length=1)
    """Ids of checks that must pass; without any, everything would be certified."""
    recommended: tuple[str, ...] = ()
    info: tuple[str, ...] = ()
    budgets: Budgets = Budgets()

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not lower-case words joined by '-'")
        return name

    @field_validator("required", "recommended", "info")
    @classmethod
    def _are_ids_of_one_level(cls, ids: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        for check_id in ids:
            if not _CHECK_ID.fullmatch(check_id):
                raise ValueError(f"{check_id!r} is not the id of a check, such as 'image.os'")
        for position, check_id in enumerate(ids):
            if check_id in ids[:position]:
                raise ValueError(f"{check_id!r} is named twice")
        # Levels are validated in the order of the fields; this sees those before its own.
        for level in Level:
            if level != info.field_name and (both := set(ids) & set(info.data.get(level, ()))):
                raise ValueError(f"{min(both)!r} is already {level}; a check has one level")
        return ids

    @field_validator("install")
    @classmethod
    def _are_named_once(cls, names: tuple[Capability, ...]) -> tuple[Capability, ...]:
        if len(set(names)) != len(names):
            raise ValueError("a capability is named twice")
        return names

    def level(self, check_id: str) -> Level | None:
        """How much this profile cares about a check; null if it does not name it."""
        for level, ids in self._levels():
            if check_id in ids:
                return level
        return None

    @property
    def checks(self) -> tuple[str, ...]:
        """Ids of all checks: by group, within a group required, recommended, info."""
        named = [check_id for _, ids in self._levels() for check_id in ids]
        others = dict.fromkeys(_group(check_id) for check_id in named)
        ranks = {group: rank for rank, group in enumerate(dict.fromkeys((*GROUPS, *others)))}
        return tuple(sorted(named, key=lambda check_id: ranks[_group(check_id)]))

    def digest(self) -> str:
        """``sha256:hex`` over all that can change a verdict.

        Title, description and source are left out: mending a sentence must not make every image
        due for certification again.
        """
        content = self.model_dump(mode="json", exclude=set(_PROSE))
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"

    def _levels(self) -> tuple[tuple[Level, tuple[str, ...]], ...]:
        return (
            (Level.REQUIRED, self.required),
            (Level.RECOMMENDED, self.recommended),
            (Level.INFO, self.info),
        )


def shipped() -> tuple[str, ...]:
    """Names of the profiles that come with certify, sorted."""
    return tuple(sorted(_files()))


def load(name: str) -> Profile:
    """Read a shipped profile; any other name raises :class:`BadProfile` with the known ones."""
    files = _files()
    if name not in files:
        close = get_close_matches(name.lower(), files, n=1)
        hint = f"Did you mean {close[0]!r}? " if close else ""
        raise BadProfile(
            f"there is no profile {name!r}",
            remedy=f"{hint}The profiles are: {', '.join(sorted(files))}",
        )
    return parse(files[name].read_text(encoding="utf-8"), files[name].name)


def parse(text: str, source: str) -> Profile:
    """Read a profile from TOML; ``source`` names the file in messages.

    Raises :class:`BadProfile` with file, key and what is wrong, for every wrong key.
    """
    try:
        return Profile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as problem:
        raise BadProfile(f"{source}: this is not TOML: {problem}") from problem
    except ValidationError as problem:
        lines = (
            f"{source}: {_key(error['loc'])}: {error['msg'].removeprefix('Value error, ')}"
            for error in problem.errors(include_url=False)
        )
        raise BadProfile("\n".join(lines)) from problem


def _files() -> dict[str, Traversable]:
    folder = resources.files("certify.judge") / "profiles"
    toml = (file for file in folder.iterdir() if file.name.endswith(".toml"))
    return {file.name.removesuffix(".toml"): file for file in toml}


def _key(location: Iterable[int | str]) -> str:
    """Where in the file: ``budgets.boot``, ``required[3]``."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return "".join(steps).removeprefix(".")


def _group(check_id: str) -> str:
    return check_id.partition(".")[0]
