"""Commands of a package manager: locks that others hold are waited for."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, cast

import pytest
from testinfra.backend.base import CommandResult

from certify.engine.packages import family
from certify.suite.candidate import Candidate
from certify.suite.package_commands import LOCK_SECONDS, PackageCommands

LOCKED = "error: failed to synchronize all databases (unable to lock database)"


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


def test_a_lock_that_is_held_for_a_while_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = PackageCommands(cast(Candidate, _Candidate(20, monkeypatch)))
    assert manager.run("pacman -Sy").rc == 0
    assert re.fullmatch(r"another process held its lock for 2\d s", manager.waited)


def test_without_a_lock_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = PackageCommands(cast(Candidate, _Candidate(0, monkeypatch)))
    assert manager.run("pacman -Sy").rc == 0
    assert manager.failed("ed could not be installed") == "ed could not be installed"


def test_a_lock_that_is_held_for_ever_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    candidate = _Candidate(1e9, monkeypatch)
    manager = PackageCommands(cast(Candidate, candidate))
    for _ in range(4):
        assert manager.run("pacman -Sy").rc == 1
    assert LOCK_SECONDS <= candidate.now < LOCK_SECONDS + 20
    assert manager.failed("no lists").startswith("no lists, for another process held its lock for")
    assert manager.waited.endswith(" and longer")


LOST = "E: The package lists or status file could not be parsed or opened."


class _Asked:
    """A candidate that answers each command, except those that end with certain options."""

    def __init__(self, manager: str, refused: str = "never") -> None:
        self.package_manager, self.refused = family(manager), refused
        self.commands: list[str] = []

    def run(self, command: str, **_: Any) -> CommandResult:
        self.commands.append(command)
        words = f"E: Write error\n{LOST}" * command.endswith(self.refused)
        answer = {"rc": 100 * bool(words), "stdout": "", "stderr": words}
        return cast(CommandResult, type("R", (), answer)())


def test_commands_of_apt_share_an_index_by_options_at_their_end() -> None:
    candidate = _Asked("apt")
    PackageCommands(cast(Candidate, candidate)).change("install", "ed")
    apt = family("apt")
    assert apt.index
    assert candidate.commands == [f"{apt.command('install', 'ed')} {apt.index.options}"]


def test_without_options_for_an_index_the_command_is_run_as_it_is() -> None:
    candidate = _Asked("apk")
    PackageCommands(cast(Candidate, candidate)).ask("refresh")
    assert candidate.commands == [family("apk").refresh]


def test_a_command_that_fails_for_the_index_is_run_without_it() -> None:
    apt = family("apt")
    assert apt.index
    candidate = _Asked("apt", refused=apt.index.options)
    manager = PackageCommands(cast(Candidate, candidate))
    assert manager.change("refresh").rc == 0
    assert candidate.commands == [
        f"{apt.refresh} {apt.index.options}", apt.index.remove, apt.refresh
    ]  # fmt: skip
    assert manager.ask("exists", "ed").rc == 0
    assert candidate.commands[3:] == [apt.command("exists", "ed")]


def test_a_command_for_authors_is_run_as_they_wrote_it() -> None:
    candidate = _Asked("apt")
    PackageCommands(cast(Candidate, candidate)).run("apt-get check | cat")
    assert candidate.commands == ["apt-get check | cat"]


class _Broken:
    """A candidate with apt, on which installations fail with the same words."""

    package_manager = family("apt")

    def __init__(self, words: str, rc: int = 100) -> None:
        self.words, self.rc, self.installed = words, rc, 0

    def has(self, _program: str) -> bool:
        return False

    has_file = has

    def run(self, command: str, **_: Any) -> CommandResult:
        fails = "apt-get install" in command
        self.installed += fails
        rc = self.rc if fails else 0
        words = self.words * fails
        return cast(CommandResult, type("R", (), {"rc": rc, "stdout": words, "stderr": ""})())

    def added_files(self) -> list[str]:
        return []


@pytest.mark.parametrize(
    ("words", "tried"),
    [
        ("E: Package 'ed' has no installation candidate", 3),
        ("dpkg: error processing archive ed.deb: trying to overwrite '/bin/ed', which is also in "
         "package vendor", 3),
        ("something new", 3),
        # What one package leaves half done is not hidden by the success of another.
        ("dpkg: error processing package site (--configure):", 1),
        ("E: Failed to fetch http://a.corp/ed.deb  503  Service Unavailable", 1),
    ],
)  # fmt: skip
def test_another_package_is_tried_where_one_alone_cannot_be_installed(
    words: str, tried: int
) -> None:
    candidate = _Broken(words)
    trial = PackageCommands(cast(Candidate, candidate)).install_one()
    assert candidate.installed == tried
    assert trial.installed.rc == 100


def test_what_did_not_end_in_time_is_not_tried_with_another_package() -> None:
    candidate = _Broken("Setting up ed ...", rc=137)
    assert PackageCommands(cast(Candidate, candidate)).install_one().installed.rc == 137
    assert candidate.installed == 1
