"""What a check is handed: the candidate, as a check's author wants to see it."""

from __future__ import annotations

import secrets
import shlex
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from pydantic import Field
from testinfra.backend.base import CommandResult
from testinfra.host import Host

from certify.engine import packages, probe
from certify.engine.boot import Boot, wait_booted
from certify.engine.candidate import Candidate, CandidateStopped, Stopped
from certify.engine.launch import SHELL_RAN, STATE
from certify.engine.session import SessionLost
from certify.model import Image, LaunchKind, Value
from certify.safetext import one_line, printable
from certify.suite.claims import unknown
from certify.suite.host import Transcript, host_over

PROBE_PORT = 7770


def parse_os_release(text: str) -> dict[str, str]:
    """Keys and values of os-release(5): shell assignments without expansion."""
    found = {}
    for line in text.splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith("#"):
            try:
                words = shlex.split(value)
            except ValueError:
                words = [value]
            found[key] = " ".join(words)
    return found


def _os_fact(release: Mapping[str, str]) -> dict[str, str | None]:
    keys = {"id": "ID", "version_id": "VERSION_ID", "pretty_name": "PRETTY_NAME"}
    return {
        name: one_line(release[key], limit=100) if release.get(key) else None
        for name, key in keys.items()
    }


class Job(Value):
    """What the process that runs the checks must know; travels as one line of JSON."""

    container: str
    image: Image
    launch: LaunchKind
    refused: str = ""
    """Why the image's shell could not be started; empty if it runs."""
    engine_platform: str
    asked_platform: str | None = None
    install: tuple[str, ...] = ()
    """Capabilities that the profile's platform installs at launch."""
    budgets: dict[str, float] = Field(default_factory=dict)
    only: tuple[str, ...] = ()
    """Ids of the shipped checks to run; empty for all."""


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

    def run(self, command: str, *args: str, timeout: float = 60) -> CommandResult:
        """Run a command line as root, ``%s`` in it replaced by quoted arguments."""
        return self.host.run(command, *args, timeout=timeout)

    def has(self, program: str) -> bool:
        """Whether a program is on root's PATH, or a builtin of its shell."""
        return bool(self.run("command -v %s", program).rc == 0)

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
                    self.record("os", _os_fact(release))
                return release
        return None

    def shell_ran(self) -> bool:
        """Whether the shell that the container was started with ran its first line."""
        engine = self.engine_side
        return self.wait_for(
            lambda: SHELL_RAN in engine.logs(2000) or not engine.state().running, seconds=15
        ) and (SHELL_RAN in engine.logs(2000))

    def logs(self, tail: int = 60) -> str:
        """The last lines of the container's log."""
        return self.engine_side.logs(tail)

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
        return boot

    def _wait(self) -> Boot:
        return wait_booted(
            self.engine_side,
            install_seconds=2 * self.budgets.get("provision", 300),
            boot_seconds=4 * self.budgets.get("boot", 15),
        )

    def stop(self) -> Stopped:
        """Ask it to stop, and wait for it."""
        self.stopped = self.engine_side.stop(int(3 * self.budgets.get("shutdown", 10)))
        return self.stopped

    def start_again(self) -> Boot:
        """Start it again after :meth:`stop`, and wait for its boot."""
        self.engine_side.start()
        return self._wait()

    def since_init(self, timestamp: str, unit: str | None = None) -> float | None:
        """Seconds from the start of systemd to one of its own timestamps; null if it has none.

        Source: org.freedesktop.systemd1(5); both are microseconds of CLOCK_MONOTONIC.
        """
        begun = self._microseconds("UserspaceTimestampMonotonic", None)
        ended = self._microseconds(timestamp, unit)
        return round((ended - begun) / 1e6, 3) if begun and ended else None

    def _microseconds(self, name: str, unit: str | None) -> int:
        command = f"systemctl show --property={name} --value"
        said = self.run(f"{command} %s", unit) if unit else self.run(command)
        value = said.stdout.strip()
        return int(value) if value.isdigit() else 0

    # What may have been installed at launch

    def lacking(self, capability: str) -> bool:
        """Whether the image, as shipped, lacked it (asked before anything was installed)."""
        if self.job.launch == "init" and capability in self.job.install:
            return capability in self.boot.missing
        script = packages.helpers() + f"lacking {capability}"
        return bool(self.run(script).rc == 0)

    def still_lacking(self, capability: str) -> bool:
        """Whether it is missing now."""
        return bool(self.run(packages.helpers() + f"lacking {capability}").rc == 0)

    @cached_property
    def family(self) -> packages.Family | None:
        """The image's package-manager family, if it has one that certify knows."""
        shell = self.engine_side.shell()  # not through the transcript: the script is no evidence
        name = shell.run(packages.detect_script()).stdout.decode("utf-8", "replace").strip()
        return packages.family(name) if name in self.known_managers else None

    @property
    def known_managers(self) -> tuple[str, ...]:
        """The package managers that certify knows, by name."""
        return tuple(each.name for each in packages.families())

    # Programs of certify's own

    def place_probe(self, name: str, program: bytes) -> str:
        """Write a program into the candidate and make it executable; its path."""
        path = f"{STATE}/{name}"
        answer = self.run(f"{probe.shell_printf(program)} >{path} && chmod 755 {path}")
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
        """Poll a condition until it is true or so many seconds passed; whether it came true."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
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
