"""The commands that checks run inside a candidate, and the programs that certify brings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testinfra.backend.base import CommandResult
from testinfra.host import Host

from certify.engine.container import Container
from certify.engine.launch_plan import STATE_FOLDER
from certify.engine.probe import programs
from certify.engine.session import Shell
from certify.suite.claims import proven, unknown
from certify.suite.host import Transcript, make_host
from certify.suite.job import Job
from certify.suite.lifecycle import Lifecycle

PROBE_PORT = 7770
"""The TCP port on which certify's own servers listen inside the candidate."""


class Commands(Lifecycle):
    """A candidate in which commands run; each of them becomes evidence."""

    def __init__(self, job: Job, container: Container, record: Callable[[str, Any], None]) -> None:
        super().__init__(job, container, record)
        self.transcript: Transcript = []
        """The commands of the current check, with their output."""
        self._hosts: dict[Shell, Host] = {}

    @property
    def host(self) -> Host:
        """Testinfra's ``Host`` for the candidate, as root."""
        return self.host_as("")

    def host_as(self, user: str) -> Host:
        """Return testinfra's ``Host`` for the candidate as another user."""
        shell = self.container.shell(user)
        if shell not in self._hosts:
            self._hosts[shell] = make_host(shell, self.transcript, self.job.container[:12])
        return self._hosts[shell]

    @property
    def nobody(self) -> str:
        """The user nobody, by its usual number where the image has no such user."""
        return "nobody" if self.run("grep -q ^nobody: /etc/passwd").rc == 0 else "65534"

    def run(self, command: str, *args: str, timeout: float = 60, shown: str = "") -> CommandResult:
        """Run a command line as root and return its exit code and output.

        Each ``%s`` is replaced by an argument in quotes. A command that runs longer than
        ``timeout`` seconds is killed. ``shown`` replaces an unreadable command in the evidence.
        """
        return self.host.run(command, *args, timeout=timeout, shown=shown)

    def has(self, program: str) -> bool:
        """Return True if a program is on root's PATH, or is a builtin of the shell."""
        return bool(self.run("command -v %s", program).rc == 0)

    def require_on_path(self, *programs: str) -> None:
        """Fail if login shells find a program that is not on the image's PATH; else return.

        Version managers (nvm, pyenv, ...) set the PATH of such shells alone.
        """
        for program in programs:
            look = f"bash -lic 'command -v {program}' 2>/dev/null </dev/null"
            found = self.run(look, timeout=15).stdout.strip().rpartition("\n")[2]
            if found.startswith("/") and not self.has(program):
                folder = found.rpartition("/")[0]
                proven(
                    f"{found} is not on the image's PATH: login shells alone find it",
                    remedy=f"Add {folder} to ENV PATH in the image's Dockerfile.",
                )

    def has_process(self, name: str) -> bool:
        """Return True if a process of this name runs (proc(5), ``comm``: at most 15 bytes)."""
        look = 'for f in /proc/[0-9]*/comm; do read -r c <$f && [ "$c" = %s ] && exit; done; exit 1'
        return bool(self.run(f"{{ {look}; }} 2>/dev/null", name).rc == 0)

    def add_program(self, name: str, program: bytes) -> str:
        """Write a static program of certify's own into the candidate, and return its path."""
        path = f"{STATE_FOLDER}/{name}"
        write = f"{programs.shell_printf(program)} >{path} && chmod 755 {path}"
        answer = self.run(write, shown=f"(certify's own program) >{path}")
        if answer.rc != 0:
            unknown(f"a program could not be written to {path}: {answer.stderr.strip()}")
        return path

    def add_server(self, name: str, text: str = "certify") -> str:
        """Add a program that answers each connection to :data:`PROBE_PORT` with a text.

        Return its path; the program is not started.
        """
        program = programs.serve(self.architecture, PROBE_PORT, text.encode())
        return self.add_program(name, program)
