"""Commands of the image's package manager, and the trial of a small package."""

from __future__ import annotations

import time
from dataclasses import dataclass

from testinfra.backend.base import CommandResult

from certify.judge.diagnosis import diagnose
from certify.suite.candidate import Candidate

LOCK_SECONDS = 120
"""Time for which a check waits for a lock of the package manager."""


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
        self.waited = ""
        """A note about the time for which a lock was waited for; empty if none was held."""

    def run(self, command: str) -> CommandResult:
        """Run a command of the package manager, again and again while its lock is held."""
        answer = self._candidate.run(command, timeout=self.SECONDS)
        begun = time.monotonic()

        def unlocked() -> bool:
            nonlocal answer
            if not _is_locked(answer):
                return True
            answer = self._candidate.run(command, timeout=self.SECONDS)
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
        # The last one tried is judged; one that the sources never had would hide why another
        # failed.
        had = [each for each in choices if candidate.run(family.command("exists", each[0])).rc == 0]
        failed: list[str] = []
        for package, command in had or choices:  # noqa: B007 - the last one tried is used below
            installed = self.run(family.command(verb, package))
            if installed.rc in success:
                break
            failed += [package] if had else []
            cause = diagnose(installed.stdout + installed.stderr, where="packages")
            if cause is not None and (cause.fault != "image" or _is_locked(installed)):
                break  # another package would fail, too, and perhaps only after minutes
        program, ran = command.split()[0], candidate.run(command)
        new = verb == "install" and ran.rc == 0
        witnessed = not new or any(path.endswith(f"/{program}") for path in candidate.added_files())
        return Trial(package, program, installed, ran, success, witnessed, failed)

    def failed(self, problem: str) -> str:
        """Return a problem, with the time for which a lock was waited for."""
        return f"{problem}, for {self.waited}" if self.waited else problem


def _is_locked(answer: CommandResult) -> bool:
    """Return True if a command failed since another process held the package manager's lock."""
    cause = diagnose(answer.stdout + answer.stderr, where="packages") if answer.rc else None
    return cause is not None and cause.name.startswith("package-manager-locked")
