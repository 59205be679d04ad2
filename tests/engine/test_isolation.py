"""Levels of isolation, from what an engine reports."""

from __future__ import annotations

import re
from typing import Any

import pytest

from certify.engine.isolation import LEVELS, Isolation, resolve_isolation, unknown
from certify.model.errors import LaunchRefused
from certify.model.terms import Fault, LaunchKind

RUNC: dict[str, Any] = {"Runtimes": {"runc": {}, "kata-fc": {}, "crun": {}}}
SYSBOX: dict[str, Any] = {"Runtimes": {"runc": {}, "sysbox-runc": {}}}
USERNS = RUNC | {"SecurityOptions": ["name=seccomp,profile=default", "name=userns"]}
APPARMOR = RUNC | {"SecurityOptions": ["name=apparmor", "name=seccomp,profile=default"]}
ROOTLESS = SYSBOX | {"SecurityOptions": ["name=rootless"]}


@pytest.mark.parametrize(
    ("info", "kind", "asked", "resolved"),
    [
        (RUNC, "init", Isolation(), "caps"),
        ({}, "init", Isolation(), "caps"),
        (SYSBOX, "init", Isolation(), "sysbox"),
        (SYSBOX, "init", Isolation("caps"), "caps"),
        (SYSBOX, "init", Isolation("sysbox"), "sysbox"),
        (RUNC, "init", Isolation("privileged"), "privileged"),
        (USERNS, "init", Isolation(), "userns"),
        (USERNS, "init", Isolation("userns"), "userns"),
        (USERNS, "init", Isolation("caps"), "caps"),
        (ROOTLESS, "init", Isolation(), "sysbox"),
        ({"Rootless": True}, "init", Isolation(), "userns"),
        ({"Rootless": False}, "init", Isolation(), "caps"),
        (RUNC, "init", Isolation(runtime="kata-fc"), "vm (kata-fc)"),
        (RUNC, "init", Isolation(runtime="crun"), "caps (crun)"),
        (USERNS, "init", Isolation(runtime="crun"), "userns (crun)"),
        (RUNC, "idle", Isolation("privileged"), "default"),
        (SYSBOX, "image", Isolation(), "default"),
        (USERNS, "idle", Isolation(), "userns"),
        (RUNC, "idle", Isolation(runtime="kata-fc"), "vm (kata-fc)"),
        (RUNC, "init", Isolation(required="caps"), "caps"),
        (RUNC, "idle", Isolation(required="caps"), "default"),
        (SYSBOX, "init", Isolation(required="userns"), "sysbox"),
        (APPARMOR, "init", Isolation(), "apparmor"),
        (APPARMOR, "init", Isolation("caps"), "caps"),
        (APPARMOR, "init", Isolation("privileged"), "privileged"),
        (APPARMOR, "idle", Isolation(), "default"),
        (APPARMOR | USERNS, "init", Isolation(), "userns"),
        (APPARMOR | SYSBOX, "init", Isolation(), "sysbox"),
        (APPARMOR, "init", Isolation(required="apparmor"), "apparmor"),
    ],
)
def test_the_isolation_of_a_launch(
    info: dict[str, Any], kind: LaunchKind, asked: Isolation, resolved: str
) -> None:
    found = resolve_isolation(info, kind, asked, unconfined=str)
    assert (str(found), found.unconfined) == (resolved, "")


def test_a_profile_out_of_sight_is_used_only_if_asked_for() -> None:
    found = resolve_isolation(APPARMOR, "init", Isolation())
    assert (found.level, found.unconfined) == ("caps", unknown())
    found = resolve_isolation(APPARMOR, "init", Isolation("apparmor"))
    assert (found.level, found.unconfined) == ("apparmor", "")


@pytest.mark.parametrize(
    ("info", "kind", "asked", "looked"),
    [
        (APPARMOR, "init", Isolation(), 1),
        (APPARMOR, "init", Isolation("apparmor"), 1),
        (APPARMOR, "init", Isolation("caps"), 0),
        (APPARMOR, "init", Isolation("privileged"), 0),
        (APPARMOR, "idle", Isolation(), 0),
        (APPARMOR | SYSBOX, "init", Isolation(), 0),
        (APPARMOR | USERNS, "init", Isolation(), 0),
        (RUNC, "init", Isolation(), 0),
    ],
)
def test_the_profile_is_looked_for_only_where_it_is_to_be_used(
    info: dict[str, Any], kind: LaunchKind, asked: Isolation, looked: int
) -> None:
    looks: list[None] = []

    def unconfined() -> str:
        looks.append(None)
        return ""

    resolve_isolation(info, kind, asked, unconfined=unconfined)
    assert len(looks) == looked


def test_what_needs_the_profile_is_not_launched_without_it() -> None:
    with pytest.raises(LaunchRefused, match="isolation caps, and apparmor is required"):
        resolve_isolation(APPARMOR, "init", Isolation(required="apparmor"))


@pytest.mark.parametrize(
    ("info", "kind", "asked", "reason"),
    [
        (RUNC, "init", Isolation("sysbox"), "no runtime sysbox-runc"),
        (RUNC, "init", Isolation(runtime="runsc"), "no runtime runsc"),
        (RUNC, "init", Isolation("userns"), "no user namespace"),
        (RUNC, "init", Isolation(required="userns"), "isolation caps, and userns is required"),
        (RUNC, "idle", Isolation(required="userns"), "isolation default, and userns is required"),
        (SYSBOX, "init", Isolation("privileged", required="caps"), "isolation privileged"),
        (USERNS, "init", Isolation(required="vm"), "isolation userns, and vm is required"),
        (RUNC, "init", Isolation("apparmor"), "does not confine containers with AppArmor"),
        (RUNC, "init", Isolation(required="apparmor"), "isolation caps, and apparmor is required"),
    ],
)
def test_a_launch_that_is_refused(
    info: dict[str, Any], kind: LaunchKind, asked: Isolation, reason: str
) -> None:
    with pytest.raises(LaunchRefused, match=re.escape(reason)) as refused:
        resolve_isolation(info, kind, asked)
    assert refused.value.fault is Fault.HOST
    assert refused.value.remedy


def test_every_level_is_as_strong_as_itself() -> None:
    for level in ("caps", "userns"):
        found = resolve_isolation(USERNS, "init", Isolation(level, required=level))
        assert found.level in LEVELS
