"""Commands of the image's package manager, and the trial of a small package."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

from testinfra.backend.base import CommandResult

from certify.engine.session import KILLED
from certify.judge.diagnosis import diagnose
from certify.suite.candidate import Candidate
from certify.suite.claims import proven
from certify.suite.own_settings import IDLE, LEFT_OUT, unusable

LOCK_SECONDS = 120
"""Time for which a check waits for a lock of the package manager."""
_OF_ONE = (
    "dependencies-unmet", "package-excluded", "package-file-taken", "package-locked",
    "package-unknown",
)  # fmt: skip
"""Causes for which one package cannot be installed, and others perhaps can."""
_FOLDERS = ("/usr/bin", "/bin")
"""The folders of the commands of small packages."""


@dataclass
class Trial:
    """The installation of a small package, and the run of its command."""

    package: str
    program: str
    installed: CommandResult
    ran: CommandResult
    success: tuple[int, ...]
    """Exit codes of an installation that succeeded."""
    witnessed: bool
    """True unless the command is new to the image, and the engine sees no file of that name."""
    failed: list[str]
    """Packages that the sources have, and that could not be installed before this one was."""


class PackageCommands:
    """Commands of the image's package manager, whose lock other processes may hold.

    A lock is often held for a while after boot, by the image's own updates; one that is held for
    :data:`LOCK_SECONDS`, all commands taken together, is held for good.
    """

    SECONDS = 300
    """The time limit of a command that fetches or installs."""

    def __init__(self, candidate: Candidate) -> None:
        self._candidate = candidate
        self._left = float(LOCK_SECONDS)
        self._has_no_index = False
        self.waited = ""
        """A note about the time for which a lock was waited for; empty if none was held."""

    def run(self, command: str) -> CommandResult:
        """Run a command line, again and again while the package manager's lock is held."""
        return self._unlocked(lambda: self._candidate.run(command, timeout=self.SECONDS))

    def change(self, verb: str, *packages: str) -> CommandResult:
        """Run the family's command for a verb (``refresh``, ``install``, …) as :meth:`run` does."""
        return self._unlocked(lambda: self.ask(verb, *packages, seconds=self.SECONDS))

    def ask(self, verb: str, *packages: str, seconds: float = 60) -> CommandResult:
        """Run the family's command for a verb once, with an index that these commands share.

        Official images of Debian and Ubuntu keep none, to be small: each command of apt reads all
        package lists again, which takes as long as to install a small package. A command that
        fails, perhaps for the index, is run without it, as all later ones are. The evidence shows
        the command alone: it says the same, and leaves room for what was said.
        """
        run, family = self._candidate.run, self._candidate.package_manager
        assert family is not None
        command = family.command(verb, *packages)
        if family.index is None or self._has_no_index:
            return run(command, timeout=seconds)
        answer = run(f"{command} {family.index.options}", timeout=seconds, shown=command)
        if re.search(family.index.lost, answer.stdout + answer.stderr, re.MULTILINE):
            self._has_no_index = True
            run(family.index.remove)
            answer = run(command, timeout=seconds)
        return answer

    def _unlocked(self, attempt: Callable[[], CommandResult]) -> CommandResult:
        """Return the answer of an attempt, made again and again while the lock is held."""
        answer = attempt()
        begun = time.monotonic()

        def unlocked() -> bool:
            nonlocal answer
            if not _is_locked(answer):
                return True
            answer = attempt()
            return False

        if _is_locked(answer):
            self._candidate.wait_for(unlocked, seconds=self._left, pause=1.0)
            seconds = time.monotonic() - begun
            self._left = max(0.0, self._left - seconds)
            ever = " and longer" if _is_locked(answer) else ""
            self.waited = f"another process held its lock for {seconds:.0f} s{ever}"
        return answer

    def install_one(self) -> Trial:
        """Install a package whose command the image lacks, else reinstall one; run the command."""
        candidate, family = self._candidate, self._candidate.package_manager
        assert family is not None
        choices = [each for each in family.trials if not candidate.has(each[1].split()[0])]
        verb = "install" if choices else "reinstall"
        choices = choices or list(family.trials)
        success = (0, *family.informational)
        before = self._visible_paths(choices)
        # The last one tried is judged; one that the sources never had would hide why another
        # failed.
        there = (one for one in choices if self.ask("exists", one[0]).rc == 0)
        had = next(there, None)
        failed: list[str] = []
        for package, command in chain([had], there) if had else choices:  # noqa: B007 - see below
            installed = self.change(verb, package)
            if installed.rc in success:
                break
            failed += [package] if had else []
            cause = diagnose(installed.stdout + installed.stderr, where="packages")
            if installed.rc == KILLED or (cause is not None and cause.name not in _OF_ONE):
                break  # another package would fail, too, or hide what this one left half done
        program, ran = command.split()[0], candidate.run(command)
        new = verb == "install" and ran.rc == 0
        witnessed = not new or self._has_come(program, before)
        return Trial(package, program, installed, ran, success, witnessed, failed)

    def _visible_paths(self, choices: Sequence[Sequence[str]]) -> set[str]:
        """Return the paths at which the engine sees commands of small packages already."""
        programs = [command.split()[0] for _, command in choices]
        paths = (f"{folder}/{program}" for program in programs for folder in _FOLDERS)
        return {path for path in paths if self._candidate.has_file(path)}

    def _has_come(self, program: str, before: set[str]) -> bool:
        """Return True if the engine sees a program that was not there before."""
        candidate = self._candidate
        paths = {f"{folder}/{program}" for folder in _FOLDERS}
        if not paths & before and any(map(candidate.has_file, sorted(paths))):
            return True
        # The list of all that was added costs the engine a walk through the whole image.
        return any(path.endswith(f"/{program}") for path in candidate.added_files())

    def fail_if_by_settings(self, problem: str) -> None:
        """Fail with a problem if a setting of the package manager brings it about; else return."""
        run = self._candidate.run
        reason, remedy = unusable(run(IDLE).stdout, run(LEFT_OUT).stdout)
        if reason:
            proven(f"{problem}: {reason}", remedy=remedy)

    def failed(self, problem: str) -> str:
        """Return a problem, with the time for which a lock was waited for."""
        return f"{problem}, for {self.waited}" if self.waited else problem


def _is_locked(answer: CommandResult) -> bool:
    """Return True if a command failed since another process held the package manager's lock."""
    cause = diagnose(answer.stdout + answer.stderr, where="packages") if answer.rc else None
    return cause is not None and cause.name.startswith("package-manager-locked")
