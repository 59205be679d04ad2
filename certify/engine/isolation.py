"""Levels of isolation: the strongest that an engine offers, and the one that is required. Pure.

From the weakest: ``privileged``, ``caps`` (root with a few capabilities and a filter of system
calls), ``apparmor`` (the same, confined by certify's AppArmor profile), ``default`` (the engine's
own, for launches without systemd), ``userns`` (root in a user namespace only), ``sysbox`` (the
same, with a runtime made for systemd), ``vm`` (a kernel of its own).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from certify.model.errors import LaunchRefused

if TYPE_CHECKING:  # help names the levels, and needs no results
    from certify.model.terms import LaunchKind

SYSBOX_RUNTIME = "sysbox-runc"
LEVELS = ("privileged", "caps", "apparmor", "default", "userns", "sysbox", "vm")
"""The levels, from the weakest to the strongest."""
ISOLATIONS = ("auto", "apparmor", "caps", "privileged", "sysbox", "userns")
"""The levels to ask for by name; ``vm`` needs the name of its runtime."""
REQUIRABLE = ("caps", "apparmor", "userns", "sysbox", "vm")
HOST_ROOT = ("privileged", "caps", "apparmor")
"""Levels at which root of the candidate is root of the host."""
_VIRTUAL = re.compile(r"(?i)kata|runsc|gvisor|krun|firecracker|nabla")
_USERNS, _ROOTLESS = "name=userns", "name=rootless"


@dataclass(frozen=True)
class Isolation:
    """The isolation of a launch, as asked for or as resolved."""

    level: str = "auto"
    runtime: str | None = None
    """A runtime of the engine, by its name; None for the engine's default."""
    required: str | None = None
    """The weakest level that will do; None for any."""
    host_users: bool = False
    """True if the launch must leave the user namespace that the engine puts containers into."""
    unconfined: str = ""
    """The reason why level ``caps`` was resolved where ``apparmor`` seemed to be offered."""

    def __str__(self) -> str:
        """Return the level, with the runtime that was asked for."""
        return f"{self.level} ({self.runtime})" if self.runtime else self.level


def unknown() -> str:
    """Return the reason not to rely on certify's AppArmor profile on a host out of sight."""
    return "the engine is on another machine, so --isolation apparmor must ask for it"


def resolve_isolation(
    info: Mapping[str, Any],
    kind: LaunchKind,
    asked: Isolation,
    *,
    unconfined: Callable[[], str] = unknown,
) -> Isolation:
    """Return the isolation of a launch on an engine that reports ``info``.

    ``unconfined`` returns the reason why certify's AppArmor profile confines nothing on its host,
    or an empty text; it is called only where that profile is to be used, and may load it.
    Raises :class:`LaunchRefused` if the engine lacks what was asked for, or the result is weaker
    than what is required.
    """
    runtimes = info.get("Runtimes") or {}
    runtime = SYSBOX_RUNTIME if asked.level == "sysbox" else asked.runtime
    if runtime and runtime not in runtimes:
        raise LaunchRefused(
            f"The engine has no runtime {runtime}.",
            remedy=f"Install it on the engine's host and name it in the engine's daemon.json, or "
            f"leave --isolation at auto; it has {', '.join(sorted(runtimes)) or 'none'}.",
        )
    level = _level(info, kind, asked, runtime)
    why = ""
    if level == "caps" and asked.level == "auto" and has_apparmor(info):
        why = unconfined()
        level = "caps" if why else "apparmor"
    elif level == "apparmor":
        _require_apparmor(info, unconfined)
    if asked.required and LEVELS.index(level) < LEVELS.index(asked.required):
        raise LaunchRefused(
            f"The launch would have isolation {level}, and {asked.required} is required.",
            remedy="Certify on an engine that offers it, or require less"
            " (`certify help security.md`).",
        )
    leaves = level in HOST_ROOT and _in_namespace(info)
    return Isolation(level, asked.runtime, host_users=leaves, unconfined=why)


def has_apparmor(info: Mapping[str, Any]) -> bool:
    """Return True if an engine that reports ``info`` confines containers with AppArmor."""
    return any("apparmor" in option for option in info.get("SecurityOptions") or ())


def _require_apparmor(info: Mapping[str, Any], unconfined: Callable[[], str]) -> None:
    if not has_apparmor(info):
        raise LaunchRefused(
            "The engine does not confine containers with AppArmor.",
            remedy="Use an engine on a host with AppArmor, or leave --isolation at auto.",
        )
    unconfined()  # where certify cannot tell, the engine will


def _in_namespace(info: Mapping[str, Any]) -> bool:
    options = info.get("SecurityOptions") or ()
    # Podman has a field for it instead.
    return bool(info.get("Rootless")) or any(
        option.startswith((_USERNS, _ROOTLESS)) for option in options
    )


def _level(info: Mapping[str, Any], kind: LaunchKind, asked: Isolation, runtime: str | None) -> str:
    in_namespace = _in_namespace(info)
    if asked.level == "userns" and not in_namespace:
        raise LaunchRefused(
            "The engine has no user namespace for its containers.",
            remedy="Set userns-remap in its daemon.json, use a rootless engine, or leave "
            "--isolation at auto.",
        )
    if runtime == SYSBOX_RUNTIME:
        return "sysbox"
    if runtime and _VIRTUAL.search(runtime):
        return "vm"
    if kind == "init" and asked.level not in ("auto", "userns"):
        return asked.level
    if kind == "init" and not runtime and SYSBOX_RUNTIME in (info.get("Runtimes") or {}):
        return "sysbox"
    if in_namespace:
        return "userns"
    return "caps" if kind == "init" else "default"
