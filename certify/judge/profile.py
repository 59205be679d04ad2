"""A profile: the requirements of one platform, as a value that validates itself."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from certify.judge.groups import GROUPS, group_of, launch_of
from certify.model.terms import LaunchKind, Level
from certify.model.value import Value

Capability = Literal["systemd", "dockerd", "user", "sudo", "download", "bash"]
"""Something that a platform can install at launch.

``user`` is useradd or adduser, ``download`` is curl or wget.
"""

_BUDGETS_OF: dict[LaunchKind, set[str]] = {
    "init": {"boot", "dockerd", "provision", "shutdown"}, "image": {"boot"}, "idle": set(),
    "nested": {"boot", "dockerd", "ready", "shutdown"},
}  # fmt: skip
_FROM_OUTSIDE = ("image.size", "image.layers")
_SHIPPED = ".installed"  # these checks look at the image as shipped, so any launch will do
_CHECK_ID = re.compile(r"[a-z][a-z0-9_-]*\.[a-z][a-z0-9_-]*")
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
# Strict, so that neither `true` nor "15" is a number of seconds.
_Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
_PROSE = frozenset({"title", "description", "source", "extends"})


class Budgets(Value):
    """Time limits in seconds."""

    boot: _Seconds = 15.0
    """Time from the start of PID 1 to boot completion."""
    dockerd: _Seconds = 20.0
    """Time from the start of PID 1 until dockerd is ready."""
    provision: _Seconds = 300.0
    """Time for installing missing capabilities at launch."""
    shutdown: _Seconds = 10.0
    """Time from the stop signal until PID 1 has ended."""
    ready: _Seconds = 30.0
    """Time from the start of a service's container until it is ready."""


def _pairs(table: Any) -> Any:
    return tuple(table.items()) if isinstance(table, dict) else table


class ServiceSettings(Value):
    """The settings of a service that is launched beside a project."""

    env: Annotated[tuple[tuple[str, str], ...], BeforeValidator(_pairs)] = ()
    """Its environment, added to that of the image: a table of names and values."""


class Profile(Value):
    """The requirements of one platform."""

    name: str
    title: str = Field(min_length=1)
    """A few words for tables."""
    description: str = Field(min_length=1)
    source: str = Field(min_length=1)
    """The document that the requirements come from."""
    extends: str | None = None
    """The profile whose requirements this one already includes; None if there is none."""
    launch: LaunchKind
    """``init`` boots systemd, ``idle`` starts a shell that waits, ``image`` its own command, and
    ``nested`` its own command in the dockerd of a base image."""
    install: tuple[Capability, ...] = ()
    """Capabilities that the platform installs at launch if the image lacks them."""
    required: tuple[str, ...] = Field(min_length=1)
    """Ids of checks that must pass; not empty, or every image would be certified."""
    recommended: tuple[str, ...] = ()
    info: tuple[str, ...] = ()
    budgets: Budgets = Budgets()
    service: ServiceSettings = ServiceSettings()

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
        # Fields are validated in their order, so info.data has the levels before this one.
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
        if names and info.data.get("launch") != "init":
            raise ValueError('only a launch that is "init" installs anything')
        return names

    def level(self, check_id: str) -> Level | None:
        """Return the level of a check; None if the profile does not name it."""
        for level, ids in self._levels():
            if check_id in ids:
                return level
        return None

    @property
    def checks(self) -> tuple[str, ...]:
        """The ids of all checks: by group, then required, recommended, info."""
        named = [check_id for _, ids in self._levels() for check_id in ids]
        others = dict.fromkeys(group_of(check_id) for check_id in named)
        ranks = {group: rank for rank, group in enumerate(dict.fromkeys((*GROUPS, *others)))}
        return tuple(sorted(named, key=lambda check_id: ranks[group_of(check_id)]))

    @property
    def liveness_check(self) -> str:
        """The check that fails if the container does not stay up."""
        if self.launch == "init":
            return "systemd.pid1"
        if self.launch == "nested":
            return "service.starts"
        supervised = self.launch == "image" and "services.supervisord" in self.checks
        return "services.supervisord" if supervised else "image.shell"

    @property
    def launch_budgets(self) -> Budgets:
        """The budgets that apply to this kind of launch; all others have their default."""
        return Budgets(**self.budgets.model_dump(include=_BUDGETS_OF[self.launch]))

    def digest(self) -> str:
        """Return ``sha256:hex`` over everything that can change a verdict.

        Title, description and source are left out: a better sentence must not make every image
        due for certification again.
        """
        content = self.model_dump(mode="json", exclude=set(_PROSE))
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"

    def _levels(self) -> tuple[tuple[Level, tuple[str, ...]], ...]:
        return tuple((level, getattr(self, level)) for level in Level)


def _must_be_a_check(check_id: str, known: Collection[str] | None) -> None:
    if not _CHECK_ID.fullmatch(check_id):
        raise ValueError(f"{check_id!r} is not the id of a check, such as 'image.os'")
    if known is not None and check_id not in known:
        close = get_close_matches(check_id, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "`certify checks` lists them"
        raise ValueError(f"there is no check {check_id!r}; {hint}")


def _must_fit_the_launch(check_id: str, launch: LaunchKind | None) -> None:
    """Raise ValueError for a check that no image could pass under this kind of launch."""
    needed = launch_of(group_of(check_id))
    if launch == "nested" and needed != launch and check_id not in _FROM_OUTSIDE:
        raise ValueError(f"{check_id!r} looks into the image, which runs where launch is nested")
    if launch and needed and launch != needed and not check_id.endswith(_SHIPPED):
        raise ValueError(f'{check_id!r} needs launch = "{needed}", and launch is "{launch}"')
