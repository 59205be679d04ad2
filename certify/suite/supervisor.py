"""supervisord inside the candidate: its process, its programs, and their output.

The kernel's own files (proc(5)) are read because an image may have neither ``ps`` nor ``lsof``.
``supervisorctl`` is run as well, if the image has it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NamedTuple

from certify.engine.session import KILLED, CommandLost, SessionLost, Shell, ShellResult
from certify.suite.claims import CheckUnknown, unknown

_UP = frozenset({"RUNNING", "STARTING"})
# STOPPED and EXITED are not here: such a program is not to be started, or has done its work.
# Source: supervisord.org, "Process States".
_DOWN = frozenset({"BACKOFF", "FATAL", "UNKNOWN"})
_UNSETTLED = frozenset({"STARTING", "BACKOFF", "STOPPING"})
_STATUS = re.compile(
    r"(\S+)\s+(STOPPED|STARTING|RUNNING|BACKOFF|STOPPING|EXITED|FATAL|UNKNOWN)\b\s*(.*)"
)
_SHELLS = frozenset({"sh", "ash", "bash", "busybox", "dash"})

# A shell variable cannot hold a NUL, so the separator of a command line is replaced.
_LIST = r"""
for d in /proc/[0-9]*; do {
  read -r stat <$d/stat && echo "= $stat" &&
  while read -r key real effective rest; do case $key in
    Uid: | Gid:) echo "$key $effective" ;;
  esac; done <$d/status
  echo "argv $(tr '\0\n' '\037 ' <$d/cmdline)"
} 2>/dev/null; done
"""
# The regular files that a process has open for writing. The last octal digit of the flags holds
# the access mode (open(2)); 1 and 2 can write.
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
    """A process as the kernel lists it, with its effective user and group."""

    pid: int
    name: str
    state: str
    parent: int
    user: int
    group: int
    argv: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.pid} (child of {self.parent}, uid {self.user}): {' '.join(self.argv)}"


class ProgramState(NamedTuple):
    """The state of a supervised program, as ``supervisorctl status`` prints it."""

    name: str
    """One of supervisord's states, such as ``RUNNING``."""
    description: str
    """The rest of the line, such as ``pid 7, uptime 0:00:03``."""

    @property
    def is_up(self) -> bool:
        """True if the program runs or is being started."""
        return self.name in _UP

    @property
    def is_down(self) -> bool:
        """True if the program should run and does not."""
        return self.name in _DOWN


def parse_processes(text: str) -> tuple[Process, ...]:
    """Read the output of the listing script; skip a process that ended meanwhile."""
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
    """Return the supervisord that is PID 1 or descends from it; None if there is none."""
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
    """Return the configuration file on supervisord's command line; None for its default."""
    for position, argument in enumerate(argv):
        if argument in ("-c", "--configuration"):
            return argv[position + 1] if position + 1 < len(argv) else None
        if found := re.fullmatch(r"(?:--configuration=|-c)(.+)", argument):
            return found[1]
    return None


def parse_status(text: str) -> dict[str, ProgramState] | None:
    """Map each program to its state; None if the text is not from ``supervisorctl status``."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = [_STATUS.fullmatch(line) for line in lines]
    if not all(found):
        return None
    return {each[1]: ProgramState(each[2], each[3]) for each in found if each}


class Supervisor:
    """The candidate's supervisord, examined through shells of root and of other users.

    Each method raises :class:`~certify.engine.session.SessionLost` or
    :class:`~certify.suite.CheckUnknown` if a command did not end by itself.
    """

    def __init__(self, shell: Callable[[str], Shell]) -> None:
        """Keep ``shell``, which returns the long-lived shell of a user (root: an empty name)."""
        self._shell = shell

    def processes(self) -> tuple[Process, ...]:
        """Return all processes of the candidate."""
        return parse_processes(_text(self._run(_LIST)))

    def daemon(self) -> Process | None:
        """Return the supervisord that the image's own command started; None if there is none."""
        return find_supervisord(self.processes())

    def programs(self, daemon: Process) -> tuple[Process, ...]:
        """Return the children of supervisord that have not ended."""
        return tuple(
            each
            for each in self.processes()
            if each.parent == daemon.pid and each.state not in "ZX"
        )

    def status(self, daemon: Process) -> dict[str, ProgramState] | None:
        """Map each program to its state by ``supervisorctl``; None if that does not work."""
        answer = self._control(daemon, "status")
        # Source: supervisorctl follows the exit codes of LSB; 3 means that not all programs run.
        return parse_status(_text(answer)) if answer.rc in (0, 3) else None

    def own_log(self, daemon: Process) -> str:
        """Return the end of the log that supervisord itself keeps in a file, if it does."""
        answer = self._control(daemon, "maintail -1000000")
        return _text(answer) if answer.rc == 0 else ""

    def _control(self, daemon: Process, action: str) -> ShellResult:
        file = configuration(daemon.argv)
        option = f"-c {shlex.quote(file)} " if file else ""
        return self._run(f"cd /proc/{daemon.pid}/cwd 2>/dev/null; supervisorctl {option}{action}")

    def has_settled(self) -> bool:
        """Return True if no program is about to change its state, or if the image has no shell."""
        try:
            daemon = self.daemon()
            if daemon is None:
                return False
            status = self.status(daemon)
        except (CommandLost, CheckUnknown):
            return False
        except SessionLost:
            return True
        return status is None or not any(each.name in _UNSETTLED for each in status.values())

    def written_files(self, process: Process) -> tuple[str, ...]:
        """Return the regular files that a process has open for writing."""
        listed = self._as(process, _WRITTEN % (process.pid, process.pid))
        return tuple(dict.fromkeys(_text(listed).splitlines()))

    def output_target(self, process: Process, number: int) -> str:
        """Return the target of standard output (1) or error (2), in the kernel's words.

        It is ``pipe:[123]`` or the path of a file or device; empty if access is denied.
        """
        return _text(self._as(process, f"readlink /proc/{process.pid}/fd/{number}")).strip()

    def write_to_pipe(self, daemon: Process, pipe: str, word: str) -> bool:
        """Write a word into a pipe that supervisord reads, as the program at its other end would.

        Return False if supervisord has no such pipe. Supervisord's end is opened, because a pipe
        belongs to its maker: the program's end, under another user, cannot be opened again.
        """
        line = (
            f'for f in /proc/{daemon.pid}/fd/*; do [ "$(readlink "$f")" != {shlex.quote(pipe)} ] '
            f"|| {{ echo {shlex.quote(word)} >$f && exit 0; }}; done; exit 1"
        )
        return self._as(daemon, line).rc == 0

    def _as(self, process: Process, command: str) -> ShellResult:
        """Run a command as the user of a process; others may not examine it (ptrace(2))."""
        user = f"{process.user}:{process.group}" if process.user else ""
        return self._run(command, user, timeout=5)

    def _run(self, command: str, user: str = "", timeout: float = 15) -> ShellResult:
        answer = self._shell(user).run(command, timeout=timeout)
        if answer.rc == KILLED:
            unknown("a command that lists processes was killed, or did not end in time")
        return answer


def _text(answer: ShellResult) -> str:
    return answer.stdout.decode("utf-8", "replace")
