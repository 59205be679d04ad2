"""Ways out of a candidate: tried inside certify's own launch, level by level.

The techniques are data, in ``techniques.toml`` beside this module; its head explains the format.
"""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from certify.engine import launch_plan
from certify.engine.boot import wait_booted
from certify.engine.client import Engine
from certify.engine.container import Container
from certify.engine.isolation import Isolation
from certify.engine.launch import launch_container
from certify.engine.launch_plan import LaunchPlan
from certify.model.errors import LaunchRefused
from certify.model.value import Value
from tests.conftest import SAMPLES

FOLDER = Path(__file__).parent
CONTROL = "no filter"
"""The level ``caps`` without certify's seccomp profile: shows that a technique can work at all."""
LEVELS = ("default", "caps", "apparmor", "privileged", CONTROL)
_ALLOWED, _REFUSED = 0, 1


class Technique(Value):
    """One way to the host."""

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    title: str
    harm: str
    perl: str
    remains: str = ""
    """The reason why the level ``caps`` cannot refuse it; empty if it must."""


@dataclass(frozen=True)
class Attempt:
    """How a technique fared."""

    allowed: bool
    detail: str


@cache
def techniques() -> tuple[Technique, ...]:
    """All techniques, in the order of their file."""
    data = tomllib.loads((FOLDER / "techniques.toml").read_text("utf-8"))
    return tuple(Technique.model_validate(each) for each in data["technique"])


@contextlib.contextmanager
def candidate(engine: Engine, level: str) -> Iterator[Container]:
    """A sample, launched by certify at a level, which ships a node of the engine's disk.

    Raises :class:`LaunchRefused` if the host does not offer the level.
    """
    boots = level != "default"
    isolation = "caps" if level == CONTROL else level
    if boots:
        engine.resolve_isolation(Isolation(isolation))
    plan = LaunchPlan("init" if boots else "idle", isolation, apparmor=engine.apparmor)
    with (
        _seccomp(level),
        launch_container(engine, f"{SAMPLES}/debian-systemd", plan) as launched,
    ):
        container = launched.container
        if boots:
            assert wait_booted(container, install_seconds=1, boot_seconds=600).ready
        _ship_disk(container)
        yield container


@contextlib.contextmanager
def _seccomp(level: str) -> Iterator[None]:
    """Replace certify's seccomp profile while a control is launched."""
    with pytest.MonkeyPatch.context() as patch:
        if level == CONTROL:
            allow = json.dumps({"defaultAction": "SCMP_ACT_ALLOW"})
            patch.setattr(launch_plan, "seccomp_profile", lambda **_: allow)
        yield


def _ship_disk(container: Container) -> None:
    """Put a node of the disk below the engine into the container, as a layer of its image could."""
    _, text = _execute(container, "cat", "/proc/self/mountinfo")
    numbers = {row[4]: row[2] for row in map(str.split, text.splitlines())}
    # Docker binds its own file over /etc/hosts in every container.
    major, minor = map(int, numbers.get("/var/lib/docker", numbers["/etc/hosts"]).split(":"))
    entry = tarfile.TarInfo(f"shipped-{major}-{minor}")
    entry.type, entry.devmajor, entry.devminor, entry.mode = tarfile.BLKTYPE, major, minor, 0o600
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.addfile(entry)
    container.engine.client.api.put_archive(container.id, "/", archive.getvalue())


def _execute(container: Container, *argv: str) -> tuple[int, str]:
    api: Any = container.engine.client.api
    made = api.exec_create(container.id, argv, user="0:0")["Id"]
    output = api.exec_start(made).decode("utf-8", "replace").strip()
    return api.exec_inspect(made)["ExitCode"], output


def attempt(container: Container, technique: Technique) -> Attempt:
    """Try a technique as root in the container."""
    program = (FOLDER / "prelude.pl").read_text("utf-8") + technique.perl
    code, output = _execute(container, "perl", "-e", program)
    assert code in (_ALLOWED, _REFUSED), f"{technique.name}: exit code {code}: {output}"
    return Attempt(code == _ALLOWED, output)


def attempts(engine: Engine, level: str) -> dict[str, Attempt] | LaunchRefused:
    """Try all techniques at a level; the refusal if the host does not offer it."""
    try:
        with candidate(engine, level) as container:
            return {each.name: attempt(container, each) for each in techniques()}
    except LaunchRefused as refusal:
        return refusal
