"""supervisord inside the candidate: its process, its programs, and where they write.

The kernel's own files (proc(5)) are read, for an image may have neither ``ps`` nor ``lsof``; what
supervisord says of itself through ``supervisorctl`` is asked too, where that is there.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from certify.engine.session import KILLED, CommandLost, SessionLost, Shell, ShellResult
from certify.suite.claims import CheckUnknown, unknown

UP = frozenset({"RUNNING", "STARTING"})
DOWN = frozenset({"BACKOFF", "FATAL", "UNKNOWN"})
"""States in which a program that is to run does not. STOPPED and EXITED are none of them: one is
not to be started, the other has done its work. Source: supervisord.org, "Process States"."""
_UNSETTLED = frozenset({"STARTING", "BACKOFF", "STOPPING"})
_STATUS = re.compile(
    r"(\S+)\s+(STOPPED|STARTING|RUNNING|BACKOFF|STOPPING|EXITED|FATAL|UNKNOWN)\b\s*(.*)"
)
_SHELLS = frozenset({"sh", "ash", "bash", "busybox", "dash"})

# A field of a process's command line cannot hold a NUL, so those become another separator.
_LIST = r"""
for d in /proc/[0-9]*; do {
  read -r stat <$d/stat && echo "= $stat" &&
  while read -r key real effective rest; do case $key in
    Uid: | Gid:) echo "$key $effective" ;;
  esac; done <$d/status
  echo "argv $(tr '\0\n' '\037 ' <$d/cmdline)"
} 2>/dev/null; done
"""
# Of what a process has open: regular files that it may write to (open(2): the last digit of the
# flags, which are octal, holds the access mode; 1 and 2 can write).
_WRITTEN = r"""
for f in /proc/%d/fd/*; do
  [ -f "$f" ] || continue
  while read -r key flags; do case $key$flags in
    flags:*[1256]) readlink "$f" ;;
  esac; done </proc/%d/fdinfo/${f##*/}
done 2>/dev/null
"""


@dataclass(frozen=True)
class Process:
    """A process, as the kernel lists it; user and group are the effective ones."""

    pid: int
    name: str
    state: str
    parent: int
    user: int
    group: int
    argv: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.pid} (child of {self.parent}, uid {self.user}): {' '.join(self.argv)}"


def parse_processes(text: str) -> tuple[Process, ...]:
    """What the listing script printed; a process that ended meanwhile is left out."""
    found = []
    for block in re.split(r"^= ", text, flags=re.MULTILINE)[1:]:
        head = re.match(r"(\d+) \((.*)\) (\S) (\d+) ", block)
        numbers = dict(re.findall(r"^(Uid|Gid): (\d+)$", block, re.MULTILINE))
        argv = re.search(r"^argv (.*)$", block, re.MULTILINE)
        if head and argv and len(numbers) == 2:
            found.append(
                Process(
                    pid=int(head[1]),
                    name=head[2],
                    state=head[3],
                    parent=int(head[4]),
                    user=int(numbers["Uid"]),
                    group=int(numbers["Gid"]),
                    argv=tuple(argv[1].rstrip("\037").split("\037")),
                )
            )
    return tuple(found)


def find_supervisord(processes: tuple[Process, ...]) -> Process | None:
    """The supervisord that is PID 1 or descends from it; null if there is none."""
    parents = {each.pid: each.parent for each in processes}

    def descends(pid: int) -> bool:
        trail = []
        while pid in parents and pid not in trail:
            trail.append(pid)
            pid = parents[pid]
        return 1 in trail

    found = [each for each in processes if _is_supervisord(each) and descends(each.pid)]
    return found[0] if found else None


def _is_supervisord(process: Process) -> bool:
    names = [PurePosixPath(argument).name for argument in process.argv[:3]]
    if process.state in "ZX" or names[0] in _SHELLS:
        return False
    by_python = names[0].startswith("python") and any("supervisord" in name for name in names)
    return process.name == "supervisord" or by_python


def configuration(argv: tuple[str, ...]) -> str | None:
    """The configuration file that supervisord was started with; null for its own default."""
    for position, argument in enumerate(argv):
        if argument in ("-c", "--configuration"):
            return argv[position + 1] if position + 1 < len(argv) else None
        if found := re.fullmatch(r"(?:--configuration=|-c)(.+)", argument):
            return found[1]
    return None


def parse_status(text: str) -> dict[str, tuple[str, str]] | None:
    """``supervisorctl status``: state and description by program; null if it is no such answer."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = [_STATUS.fullmatch(line) for line in lines]
    if not all(found):
        return None
    return {each[1]: (each[2], each[3]) for each in found if each}


class Supervisor:
    """Asks through the candidate's shells; each process is looked into as its own user.

    What is not answered raises: :class:`~certify.engine.session.SessionLost`, or
    :class:`~certify.suite.claims.CheckUnknown`.
    """

    def __init__(self, shell: Callable[[str], Shell]) -> None:
        """``shell`` gives the long-lived shell of a user, root for an empty name."""
        self._shell = shell

    def processes(self) -> tuple[Process, ...]:
        """Everything that runs in the candidate."""
        return parse_processes(_text(self._ask(_LIST)))

    def daemon(self) -> Process | None:
        """The supervisord that the image's own command started; null if there is none."""
        return find_supervisord(self.processes())

    def programs(self, daemon: Process) -> tuple[Process, ...]:
        """What supervisord runs: its children, those left out that have ended."""
        return tuple(
            each
            for each in self.processes()
            if each.parent == daemon.pid and each.state not in "ZX"
        )

    def status(self, daemon: Process) -> dict[str, tuple[str, str]] | None:
        """State and description of each program, by supervisorctl; null if it does not answer."""
        file = configuration(daemon.argv)
        option = f"-c {shlex.quote(file)} " if file else ""
        command = f"cd /proc/{daemon.pid}/cwd 2>/dev/null; supervisorctl {option}status"
        answer = self._ask(command)
        # Source: supervisorctl's exit codes of LSB; 3 is "not all of them run".
        return parse_status(_text(answer)) if answer.rc in (0, 3) else None

    def settled(self) -> bool:
        """Whether nothing changes by itself any more; also where no shell can tell."""
        try:
            daemon = self.daemon()
            if daemon is None:
                return False
            status = self.status(daemon)
        except (CommandLost, CheckUnknown):
            return False
        except SessionLost:
            return True
        return status is None or not any(state in _UNSETTLED for state, _ in status.values())

    def written_files(self, process: Process) -> tuple[str, ...]:
        """Regular files that a process has open to write to."""
        listed = self._as(process, _WRITTEN % (process.pid, process.pid))
        return tuple(dict.fromkeys(_text(listed).splitlines()))

    def stream(self, process: Process, number: int) -> str:
        """Where standard output (1) or error (2) of a process leads, as the kernel writes it:
        ``pipe:[123]``, ``/dev/null``, a file's path. Empty if it may not be looked into.
        """
        return _text(self._as(process, f"readlink /proc/{process.pid}/fd/{number}")).strip()

    def say(self, daemon: Process, pipe: str, word: str) -> bool:
        """Write a word into a pipe that supervisord reads, as if the program at its other end had.

        False if supervisord has no such pipe. That end is opened because a pipe belongs to who made
        it: a program that runs as another user may write to its own, but nobody can open it anew.
        """
        line = (
            f'for f in /proc/{daemon.pid}/fd/*; do [ "$(readlink "$f")" != {shlex.quote(pipe)} ] '
            f"|| {{ echo {shlex.quote(word)} >$f && exit 0; }}; done; exit 1"
        )
        return self._as(daemon, line).rc == 0

    def _as(self, process: Process, command: str) -> ShellResult:
        """Run a command as the user of a process, for nobody else may look into it (ptrace(2))."""
        user = f"{process.user}:{process.group}" if process.user else ""
        return self._ask(command, user, timeout=5)

    def _ask(self, command: str, user: str = "", timeout: float = 15) -> ShellResult:
        answer = self._shell(user).run(command, timeout=timeout)
        if answer.rc == KILLED:
            unknown("a command that looks into what runs was killed, or did not end in time")
        return answer


def _text(answer: ShellResult) -> str:
    return answer.stdout.decode("utf-8", "replace")
