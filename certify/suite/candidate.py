"""What a check is handed: the candidate, as a check's author wants to see it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from testinfra.backend.base import CommandResult
from testinfra.host import Host

from certify.engine import packages
from certify.engine.boot import seconds_since_init
from certify.engine.container import Container, ContainerStopped, StopResult
from certify.engine.launch_plan import STATE_FOLDER
from certify.engine.probe import programs
from certify.engine.session import SessionLost
from certify.judge import control
from certify.model.errors import Trouble
from certify.model.terms import Fault
from certify.suite.claims import blocked_by, unknown
from certify.suite.host import Transcript, host_over
from certify.suite.job import Job
from certify.suite.lifecycle import Lifecycle
from certify.suite.os_release import os_fact, parse_os_release
from certify.util.text import printable

PROBE_PORT = 7770


class Candidate(Lifecycle):
    """The candidate under certification, with what was seen of it so far."""

    def __init__(
        self,
        job: Job,
        container: Container,
        transcript: Transcript,
        record: Callable[[str, Any], None],
    ) -> None:
        super().__init__(job, container, record)
        self.transcript = transcript
        self.nonce = secrets.token_hex(8)
        self.user = f"certify{secrets.token_hex(3)}"
        self.lacked: set[str] = set()
        """Capabilities that were still missing when it was asked to stop."""
        self.ask_control: Callable[[Sequence[str]], control.ControlResults] = lambda _urls: {}
        """How far certify's own container comes with URLs; nowhere, if there is none to ask."""
        self._hosts: dict[str, Host] = {}

    @property
    def host(self) -> Host:
        """Testinfra's view of the candidate, as root."""
        return self.host_as("")

    def host_as(self, user: str) -> Host:
        """Testinfra's view of the candidate, as a user of its own."""
        if user not in self._hosts:
            shell = self.container.shell(user)
            self._hosts[user] = host_over(shell, self.transcript, self.job.container[:12])
        return self._hosts[user]

    def run(self, command: str, *args: str, timeout: float = 60, shown: str = "") -> CommandResult:
        """Run a command line as root, ``%s`` replaced by quoted arguments; at most so long.

        ``shown`` stands for it in the evidence, where a person could not read it.
        """
        return self.host.run(command, *args, timeout=timeout, shown=shown)

    def has(self, program: str) -> bool:
        """Whether a program is on root's PATH, or a builtin of its shell."""
        return bool(self.run("command -v %s", program).rc == 0)

    def runs(self, name: str) -> bool:
        """Whether a process of that name runs (the kernel's name for it, at most 15 bytes)."""
        look = 'for f in /proc/[0-9]*/comm; do read -r c <$f && [ "$c" = %s ] && exit; done; exit 1'
        return bool(self.run(f"{{ {look}; }} 2>/dev/null", name).rc == 0)

    def leave_to(self, check_id: str, reason: str) -> None:
        """Leave a failure to a shipped check that tells of it better, if that one is asked too.

        This one is skipped then, because of the other; else nothing happens, and it must fail.
        """
        if not self.job.only or check_id in self.job.only:
            blocked_by(check_id, reason)

    @cached_property
    def os_release(self) -> dict[str, str] | None:
        """``/etc/os-release`` (os-release(5)) as keys and values; null if there is none."""
        for path in ("/etc/os-release", "/usr/lib/os-release"):
            content = self.read_file(path)
            if content is not None:
                release = parse_os_release(printable(content))
                if release.get("ID"):
                    self.record("os", os_fact(release))
                return release
        return None

    # Its boot and its end

    def stop(self) -> StopResult:
        """Ask it to stop, and wait for it."""
        self.lacked = {each for each in self.job.install if self.still_lacking(each)}
        return super().stop()

    def since_init(self, timestamp: str, unit: str = "") -> float | None:
        """Seconds from the start of systemd to one of its own timestamps; null if it has none."""
        return seconds_since_init(lambda command: str(self.run(command).stdout), timestamp, unit)

    # What may have been installed at launch

    def lacking(self, capability: str) -> bool:
        """Whether the image, as shipped, lacked it (asked before anything was installed)."""
        if self.job.launch == "init" and capability in self.job.install:
            return capability in self.boot.missing
        return self.still_lacking(capability)

    def still_lacking(self, capability: str) -> bool:
        """Whether it is missing now."""
        answer = self.run(packages.shell_helpers() + f"lacking {capability}")
        if answer.rc not in (0, 1):
            unknown(f"the shell could not tell whether {capability} is missing: exit {answer.rc}")
        return bool(answer.rc == 0)

    def blamed(self, said: str) -> str:
        """Proof that a refresh of package lists failed through the image's fault, or nothing.

        ``said`` is what the package manager said. Raises :class:`Trouble` if it is proven that the
        network is at fault.
        """
        release = self.os_release
        urls = control.control_urls(said, release)
        results = self.ask_control(urls) if urls else {}
        fault, proof = control.attribute_refresh(said, release, results) or (None, "")
        if fault is Fault.NETWORK:
            raise Trouble(f"the package lists could not be fetched: {proof}", fault=fault)
        return proof

    # Programs of certify's own

    def place_probe(self, name: str, program: bytes) -> str:
        """Write a program into the candidate and make it executable; its path."""
        path = f"{STATE_FOLDER}/{name}"
        write = f"{programs.shell_printf(program)} >{path} && chmod 755 {path}"
        answer = self.run(write, shown=f"(certify's own program) >{path}")
        if answer.rc != 0:
            unknown(f"certify's own probe could not be written to {path}: {answer.stderr.strip()}")
        return path

    def place_server(self, name: str, text: str = "certify") -> str:
        """The path of a program that answers every connection to the probe's port."""
        program = programs.serve(self.architecture, PROBE_PORT, text.encode())
        return self.place_probe(name, program)

    def boot_evidence(self) -> str:
        """What tells most about a boot that went wrong: log, failed units, journal."""
        parts = [f"log of the container:\n{self.logs()}"]
        for title, command in (
            ("failed units", "systemctl --failed --no-legend --plain"),
            ("jobs", "systemctl list-jobs --no-legend"),
            ("journal", "journalctl -b -p warning --no-pager -n 40"),
        ):
            try:
                answer = self.run(command, timeout=15)
            except (SessionLost, ContainerStopped):
                break
            if answer.rc == 0 and answer.stdout.strip():
                parts.append(f"{title}:\n{answer.stdout.rstrip()}")
        return "\n".join(parts)
