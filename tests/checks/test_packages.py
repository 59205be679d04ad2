"""The package checks: packages that cannot be installed, repositories that were left out."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import Any, cast

import pytest
from testinfra.backend.base import CommandResult

from certify.engine import packages
from certify.suite.candidate import Candidate
from certify.suite.catalogue import suite_directory
from certify.suite.package_commands import PackageCommands


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
    trial = PackageCommands(cast(Candidate, candidate)).install_one()
    assert (trial.package, trial.failed) == (second, [first])
    checks.test_install(candidate, PackageCommands(cast(Candidate, candidate)), trial, notes.append)
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
    found = checks.skipped_repositories(output, packages.family("dnf").skipped)
    assert found == LEFT_OUT[output]
