"""Pure parts of the package checks: locks that others hold, repositories that were left out."""

from __future__ import annotations

import importlib.util
import re
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any, cast

import pytest
from testinfra.backend.base import CommandResult

from certify.engine import packages
from certify.suite.catalogue import suite_directory

LOCKED = "error: failed to synchronize all databases (unable to lock database)"


@pytest.fixture(scope="module")
def checks() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "package_checks", suite_directory() / "test_packages.py"
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look it up
    spec.loader.exec_module(module)
    return module


class _Candidate:
    """A candidate whose package manager is locked for so many seconds of an own clock."""

    def __init__(self, locked: float, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.locked, self.commands = 0.0, locked, 0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def run(self, command: str, **_: Any) -> CommandResult:
        self.now, self.commands = self.now + 1, self.commands + 1
        is_locked = self.now <= self.locked
        return cast(
            CommandResult,
            type("R", (), {"rc": int(is_locked), "stdout": LOCKED * is_locked, "stderr": ""})(),
        )

    def wait_for(self, condition: Callable[[], bool], *, seconds: float, pause: float) -> bool:
        deadline = self.now + seconds
        while not condition():
            if self.now > deadline:
                return False
            self.now += pause
        return True


def test_a_lock_that_is_held_for_a_while_is_waited_for(
    checks: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = checks.Manager(_Candidate(20, monkeypatch))
    assert manager.run("pacman -Sy").rc == 0
    assert re.fullmatch(r"another process held its lock for 2\d s", manager.waited)


def test_without_a_lock_nothing_is_told(
    checks: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = checks.Manager(_Candidate(0, monkeypatch))
    assert manager.run("pacman -Sy").rc == 0
    assert manager.failed("ed could not be installed") == "ed could not be installed"


def test_a_lock_that_is_held_for_ever_is_waited_for_once(
    checks: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidate = _Candidate(1e9, monkeypatch)
    manager = checks.Manager(candidate)
    for _ in range(4):
        assert manager.run("pacman -Sy").rc == 1
    assert checks.LOCK_SECONDS <= candidate.now < checks.LOCK_SECONDS + 20
    assert manager.failed("no lists").startswith("no lists, for another process held its lock for")
    assert manager.waited.endswith(" and longer")


class _Shop:
    """A candidate whose sources have all packages, of which one cannot be installed."""

    package_manager = packages.family("apt")

    def __init__(self, broken: str) -> None:
        self.broken = broken

    def has(self, _program: str) -> bool:
        return False

    def run(self, command: str, **_: Any) -> CommandResult:
        refused = "install" in command and self.broken in command.split()
        answer = {"rc": int(refused), "stdout": "Unmet dependencies." * refused, "stderr": ""}
        return cast(CommandResult, type("R", (), answer)())

    def added_files(self) -> list[str]:
        return [f"/usr/bin/{command.split()[0]}" for _, command in self.package_manager.trials]


def test_a_package_that_cannot_be_installed_is_told_beside_one_that_can(
    checks: ModuleType,
) -> None:
    (first, _), (second, _), *_ = packages.family("apt").trials
    candidate, notes = _Shop(first), list[str]()
    trial = checks.install_one(candidate, checks.Manager(candidate))
    assert (trial.package, trial.failed) == (second, [first])
    checks.test_install(candidate, checks.Manager(candidate), trial, notes.append)
    assert notes == [f"{second} installed and run; {first} could not be"]


DNF5 = " world                 ???% |   0.0   B/s |  -1.0   B |  ?     \n"
LEFT_OUT = {
    "Ignoring repositories: extra, world": {"extra", "world"},
    f"{DNF5}>>> Curl error (7): no\n>>> Curl error (7): no\n>>> Usable URL not found\n": {"world"},
    f"{DNF5}>>> repomd.xml GPG signature verification error: Signing key not found\n": {"world"},
    f"{DNF5}>>> Curl error (7): one of two mirrors\nRepositories loaded.\n": set(),
    " world                 100% |  50.0 KiB/s |   8.8 KiB |  00m00s\n": set(),
}


@pytest.mark.parametrize("output", LEFT_OUT)
def test_repositories_that_a_refresh_left_out_are_found(checks: ModuleType, output: str) -> None:
    skipped = checks.skipped_repositories(output, packages.family("dnf").skipped)
    assert skipped == LEFT_OUT[output]
