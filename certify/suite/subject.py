"""What a check is handed: the candidate, as a check's author wants to see it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from testinfra.backend.base import CommandResult
from testinfra.host import Host

from certify.engine import packages, probe
from certify.engine.boot import Boot, patience, since_init, wait_booted, wait_settled
from certify.engine.candidate import Candidate, CandidateStopped, Stopped
from certify.engine.client import APIError
from certify.engine.console import last_words
from certify.engine.launch import SHELL_RAN, STATE
from certify.engine.refusal import refusal
from certify.engine.session import KILLED, SessionLost
from certify.errors import Trouble
from certify.judge import control
from certify.model import Fault, Image
from certify.safetext import one_line, printable
from certify.suite.claims import blocked_by, unknown
from certify.suite.host import Transcript, host_over
from certify.suite.job import Job
from certify.suite.osrelease import os_fact, parse_os_release
from certify.suite.supervisor import Supervisor

PROBE_PORT = 7770
STAYS_SECONDS = 2.0
"""What an image's own command must outlive to count as a service, not as a job."""


class Subject:
    """The candidate under certification, with what was seen of it so far."""

    def __init__(
        self,
        job: Job,
        candidate: Candidate,
        transcript: Transcript,
        record: Callable[[str, Any], None],
    ) -> None:
        self.job = job
        self.engine_side = candidate
        self.transcript = transcript
        self.record = record
        """Streams a fact: ``os``, ``package_manager``, ``missing``, ``boot_seconds``,
        ``dockerd_seconds``, ``provision_seconds``."""
        self.nonce = secrets.token_hex(8)
        self.user = f"certify{secrets.token_hex(3)}"
        self.stopped: Stopped | None = None
        self.lacked: set[str] = set()
        """Capabilities that were still missing when it was asked to stop."""
        self.in_vain = 0.0
        """Seconds of the longest wait that was given up during a check."""
        self.ask_control: Callable[[Sequence[str]], control.Answers] = lambda _urls: {}
        """How far certify's own container comes with URLs; nowhere, if there is none to ask."""
        self._hosts: dict[str, Host] = {}

    @property
    def image(self) -> Image:
        """The image's facts."""
        return self.job.image

    @property
    def budgets(self) -> Mapping[str, float]:
        """The profile's budgets, in seconds."""
        return self.job.budgets

    @property
    def host(self) -> Host:
        """Testinfra's view of the candidate, as root."""
        return self.host_as("")

    def host_as(self, user: str) -> Host:
        """Testinfra's view of the candidate, as a user of its own."""
        if user not in self._hosts:
            shell = self.engine_side.shell(user)
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

    def read_file(self, path: str) -> bytes | None:
        """A file's content through the engine; null if there is none."""
        return self.engine_side.read_file(path)

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

    def shell_refusal(self) -> str:
        """Why the image's shell cannot be started; empty if it can.

        Raises :class:`CandidateStopped` where the shell would run beside what does not run.
        """
        if self.job.launch != "image":
            return self.job.refused
        assert self.boot
        return self.engine_side.shell_refusal()

    def shell_ran(self) -> bool:
        """Whether the shell that the container was started with ran its first line.

        Under launch ``image`` the container was started with something else; a shell beside that
        is asked. Raises :class:`CandidateStopped` if somebody ended it before.
        """
        engine = self.engine_side
        if self.job.launch != "image":
            self.wait_for(
                lambda: SHELL_RAN in engine.logs(2000) or not engine.state().running, seconds=15
            )
            if SHELL_RAN in engine.logs(2000):
                return True
        # A long installation may have pushed the line out of the log's end; then ask the shell.
        state = engine.state()
        if state.killed:
            engine.must_run()
        if not state.running:
            return False
        answer = engine.shell().run("echo here")
        if answer.rc == KILLED:
            unknown("the image's shell was killed, or did not answer in time")
        return answer.stdout == b"here\n"

    def logs(self, tail: int = 60) -> str:
        """The last lines of the container's log."""
        return self.engine_side.logs(tail)

    def last_words(self) -> str:
        """What an init that ended early says where it has a console; its log has none of it."""
        return f"\nits console:\n{last_words(self.engine_side.engine, self.engine_side.id)}"

    # The boot

    @cached_property
    def boot(self) -> Boot:
        """How the launch went; waits for it to end. Raises :class:`CandidateStopped`."""
        boot = self._wait()
        if boot.missing:
            self.record("missing", list(boot.missing))
            self.record("package_manager", self.family.name if self.family else None)
        if boot.installed == 0:
            self.record("provision_seconds", boot.provision_seconds)
        if boot.in_vain:
            budget = "provision" if boot.phase == "installing" else "boot"
            self.record("waited_in_vain", {"seconds": boot.in_vain, "budget": budget})
        return boot

    def _wait(self) -> Boot:
        waits = patience(self.budgets)
        if self.job.launch != "image":
            return wait_booted(self.engine_side, **waits)
        if self.job.refused:
            raise CandidateStopped(
                f"the image's own command cannot be started: {one_line(self.job.refused)}"
            )
        return wait_settled(self.engine_side, self._settles(), seconds=waits["boot_seconds"])

    def _settles(self) -> Callable[[], bool]:
        """Tells when what the image's own command starts is up, by what is asked of it."""
        if self.job.anchor == "services.supervisord":
            return self.supervisor.settled
        begun = time.monotonic()
        return lambda: (
            time.monotonic() - begun > STAYS_SECONDS * self.engine_side.pace
            and self.engine_side.state().health != "starting"
        )

    @cached_property
    def supervisor(self) -> Supervisor:
        """supervisord in the candidate."""
        return Supervisor(self.engine_side.shell)

    def stop(self) -> Stopped:
        """Ask it to stop, and wait for it."""
        self.lacked = {each for each in self.job.install if self.still_lacking(each)}
        allowed = 3 * self.budgets.get("shutdown", 10) * self.engine_side.pace
        self.stopped = self.engine_side.stop(int(allowed))
        self.record("shutdown_seconds", self.stopped.seconds)
        return self.stopped

    def start_again(self) -> Boot:
        """Start it again after :meth:`stop`, and wait for its boot.

        Raises :class:`~certify.errors.LaunchRefused` if the engine would not.
        """
        try:
            self.engine_side.start()
        except APIError as error:
            raise refusal(str(error.explanation or error)) from error
        boot = self._wait()
        self.in_vain = max(self.in_vain, boot.in_vain or 0.0)
        return boot

    def since_init(self, timestamp: str, unit: str = "") -> float | None:
        """Seconds from the start of systemd to one of its own timestamps; null if it has none."""
        return since_init(lambda command: str(self.run(command).stdout), timestamp, unit)

    # What may have been installed at launch

    def lacking(self, capability: str) -> bool:
        """Whether the image, as shipped, lacked it (asked before anything was installed)."""
        if self.job.launch == "init" and capability in self.job.install:
            return capability in self.boot.missing
        return self.still_lacking(capability)

    def still_lacking(self, capability: str) -> bool:
        """Whether it is missing now."""
        answer = self.run(packages.helpers() + f"lacking {capability}")
        if answer.rc not in (0, 1):
            unknown(f"the shell could not tell whether {capability} is missing: exit {answer.rc}")
        return bool(answer.rc == 0)

    @cached_property
    def family(self) -> packages.Family | None:
        """The image's package-manager family, if it has one that certify knows."""
        shell = self.engine_side.shell()  # not through the transcript: the script is no evidence
        answer = shell.run(packages.detect_script())
        if answer.rc != 0:
            unknown(f"the shell could not tell which package manager is there: exit {answer.rc}")
        name = answer.stdout.decode("utf-8", "replace").strip()
        return packages.family(name) if name in self.known_managers else None

    @property
    def known_managers(self) -> tuple[str, ...]:
        """The package managers that certify knows, by name."""
        return tuple(each.name for each in packages.families())

    def blamed(self, said: str) -> str:
        """Proof that a refresh of package lists failed through the image's fault, or nothing.

        ``said`` is what the package manager said. Raises :class:`Trouble` if it is proven that the
        network is at fault.
        """
        release = self.os_release
        urls = control.questions(said, release)
        fault, proof = control.weigh(said, release, self.ask_control(urls) if urls else {}) or (
            None, "",
        )  # fmt: skip
        if fault is Fault.NETWORK:
            raise Trouble(f"the package lists could not be fetched: {proof}", fault=fault)
        return proof

    # Programs of certify's own

    def place_probe(self, name: str, program: bytes) -> str:
        """Write a program into the candidate and make it executable; its path."""
        path = f"{STATE}/{name}"
        write = f"{probe.shell_printf(program)} >{path} && chmod 755 {path}"
        answer = self.run(write, shown=f"(certify's own program) >{path}")
        if answer.rc != 0:
            unknown(f"certify's own probe could not be written to {path}: {answer.stderr.strip()}")
        return path

    def place_server(self, name: str, text: str = "certify") -> str:
        """The path of a program that answers every connection to the probe's port."""
        program = probe.serve(self.architecture, PROBE_PORT, text.encode())
        return self.place_probe(name, program)

    @property
    def foreign(self) -> bool:
        """Whether the candidate is for another architecture than the engine's host."""
        return self.architecture != self.job.engine_platform.split("/")[1]

    @property
    def architecture(self) -> str:
        """The candidate's architecture, by OCI's name."""
        return (self.image.platform or self.job.engine_platform).split("/")[1]

    def wait_for(
        self, condition: Callable[[], Any], *, seconds: float, pause: float = 0.02
    ) -> bool:
        """Poll a condition, at most so many seconds; whether it came true."""
        pace = self.engine_side.pace
        seconds, pause = seconds * pace, pause * pace
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                self.in_vain = max(self.in_vain, seconds)
                return False
            time.sleep(pause)
        return True

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
            except (SessionLost, CandidateStopped):
                break
            if answer.rc == 0 and answer.stdout.strip():
                parts.append(f"{title}:\n{answer.stdout.rstrip()}")
        return "\n".join(parts)
