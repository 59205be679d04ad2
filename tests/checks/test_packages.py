"""The package checks: packages that cannot be installed, repositories that were left out."""

from __future__ import annotations

from types import ModuleType
from typing import Any, cast

import pytest
from testinfra.backend.base import CommandResult

from certify.engine import packages
from certify.suite.candidate import Candidate
from certify.suite.package_commands import PackageCommands
from tests.support.checks import load_checks


@pytest.fixture(scope="module")
def checks() -> ModuleType:
    return load_checks("test_packages")


class _Shop:
    """A candidate whose sources have all packages, of which one cannot be installed."""

    package_manager = packages.family("apt")

    def __init__(self, broken: str = "") -> None:
        self.broken = broken
        self.commands: list[str] = []
        self.walks = 0
        self.files: set[str] = set()
        """What the engine sees; each command that installs brings a program."""

    def has(self, _program: str) -> bool:
        return False

    def run(self, command: str, **_: Any) -> CommandResult:
        self.commands.append(command)
        refused = "install" in command and self.broken in command.split()
        if "install" in command and not refused:
            names = {package for package, _ in self.package_manager.trials}
            self.files |= {f"/usr/bin/{word}" for word in command.split() if word in names}
        answer = {"rc": int(refused), "stdout": "Unmet dependencies." * refused, "stderr": ""}
        return cast(CommandResult, type("R", (), answer)())

    def has_file(self, path: str) -> bool:
        return path in self.files

    def added_files(self) -> list[str]:
        self.walks += 1
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


def test_only_what_is_tried_is_looked_for_and_the_engine_walks_through_no_image() -> None:
    (first, command), *_ = packages.family("apt").trials
    candidate = _Shop()
    assert PackageCommands(cast(Candidate, candidate)).install_one().witnessed
    exists, install, ran = candidate.commands
    assert first in exists.split() and first in install.split() and ran == command
    assert candidate.walks == 0


@pytest.mark.parametrize("shown", [{"/usr/bin/ed"}, {"/bin/ed"}])
def test_a_program_that_the_engine_saw_before_must_be_among_what_was_added(
    shown: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    candidate = _Shop()
    candidate.files = shown
    assert PackageCommands(cast(Candidate, candidate)).install_one().witnessed
    assert candidate.walks == 1
    monkeypatch.setattr(_Shop, "added_files", lambda _shop: ["/usr/bin/other"])
    assert not PackageCommands(cast(Candidate, candidate)).install_one().witnessed


def test_a_package_that_no_source_has_is_tried_all_the_same() -> None:
    candidate = _Shop()
    run = candidate.run

    def lacks(command: str, **more: Any) -> CommandResult:
        answer = run(command, **more)
        answer.rc = int(command.startswith("apt-cache"))
        return answer

    candidate.run = lacks  # type: ignore[method-assign]
    trial = PackageCommands(cast(Candidate, candidate)).install_one()
    assert (trial.package, trial.failed) == ("ed", [])


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
