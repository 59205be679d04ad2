"""What one platform asks of an image: a value that validates itself."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection
from difflib import get_close_matches
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from certify.model.result import LaunchKind
from certify.model.terms import Level
from certify.model.value import Value

GROUPS = (
    "image", "packages", "systemd", "dockerd", "startup", "workspace", "services", "webdevops",
    "gitpod",
)  # fmt: skip
"""The order of the groups in every report; groups that are not named here come after these."""

Capability = Literal["systemd", "dockerd", "user", "sudo", "download", "bash"]
"""What a platform can install at launch.

``user`` is useradd or adduser, ``download`` any of curl and wget.
"""

_LAUNCH_OF: dict[str, LaunchKind] = {
    "systemd": "init", "dockerd": "init", "startup": "init", "services": "image",
}  # fmt: skip
_HEEDED: dict[LaunchKind, set[str]] = {
    "init": {"boot", "dockerd", "provision", "shutdown"}, "image": {"boot"}, "idle": set(),
}  # fmt: skip
_SHIPPED = ".installed"  # whether the image ships it can be told under any launch
_CHECK_ID = re.compile(r"[a-z][a-z0-9_-]*\.[a-z][a-z0-9_-]*")
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
# Strict, so that neither `true` nor "15" passes for a number of seconds.
_Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
_PROSE = frozenset({"title", "description", "source", "extends"})


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
    extends: str | None = None
    """The profile whose demands are in this one already; null if it stands by itself."""
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
        for position, check_id in enumerate(ids):
            _must_be_a_check(check_id, (info.context or {}).get("known"))
            _must_fit_the_launch(check_id, info.data.get("launch"))
            if check_id in ids[:position]:
                raise ValueError(f"{check_id!r} is named twice")
        # Levels are validated in the order of the fields; this sees those before its own.
        for level in Level:
            if level != info.field_name and (both := set(ids) & set(info.data.get(level, ()))):
                raise ValueError(f"{min(both)!r} is already {level}; a check has one level")
        return ids

    @field_validator("install")
    @classmethod
    def _are_named_once(
        cls, names: tuple[Capability, ...], info: ValidationInfo
    ) -> tuple[Capability, ...]:
        if len(set(names)) != len(names):
            raise ValueError("a capability is named twice")
        if names and info.data.get("launch") in ("idle", "image"):
            raise ValueError('only a launch that is "init" installs anything')
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

    @property
    def anchor(self) -> str:
        """The check that answers for a container that does not stay up."""
        if self.launch == "init":
            return "systemd.pid1"
        supervised = self.launch == "image" and "services.supervisord" in self.checks
        return "services.supervisord" if supervised else "image.shell"

    @property
    def heeded(self) -> Budgets:
        """The budgets that bear on its launch; all others at their default."""
        return Budgets(**self.budgets.model_dump(include=_HEEDED[self.launch]))

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


def _must_be_a_check(check_id: str, known: Collection[str] | None) -> None:
    if not _CHECK_ID.fullmatch(check_id):
        raise ValueError(f"{check_id!r} is not the id of a check, such as 'image.os'")
    if known is not None and check_id not in known:
        close = get_close_matches(check_id, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "`certify checks` lists them"
        raise ValueError(f"there is no check {check_id!r}; {hint}")


def _must_fit_the_launch(check_id: str, launch: LaunchKind | None) -> None:
    """A check that no image could pass under this launch is a slip of the profile's author."""
    needed = _LAUNCH_OF.get(_group(check_id))
    if launch and needed and launch != needed and not check_id.endswith(_SHIPPED):
        raise ValueError(f'{check_id!r} needs launch = "{needed}", and launch is "{launch}"')


def _group(check_id: str) -> str:
    return check_id.partition(".")[0]
