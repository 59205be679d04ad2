"""The engine inside the candidate: what it runs comes from certify, and needs no network."""

from __future__ import annotations

from testinfra.backend.base import CommandResult

from certify.engine import probe
from certify.suite.subject import PROBE_PORT, Subject


class Nested:
    """Docker inside the candidate, through the candidate's own ``docker`` command."""

    def __init__(self, candidate: Subject) -> None:
        self._candidate = candidate

    def docker(self, command: str, *args: str, timeout: float = 60) -> CommandResult:
        """``docker COMMAND`` inside the candidate."""
        return self._candidate.run(f"docker {command}", *args, timeout=timeout)

    def answers(self) -> bool:
        """Whether the daemon answers."""
        return bool(self.docker("version --format '{{.Server.Version}}'", timeout=15).rc == 0)

    def load(self, name: str, program: bytes) -> CommandResult:
        """Make an image of one static program, ``certify-probe:NAME``, that runs it."""
        tar = probe.shell_printf(probe.image_archive(program))
        load = f"docker import --change 'CMD [\"/probe\"]' - certify-probe:{name}"
        return self._candidate.run(f"{tar} | {load}", shown=f"(certify's own program) | {load}")

    def load_say(self, text: str) -> CommandResult:
        """Make ``certify-probe:say``, which prints a text and ends."""
        return self.load("say", probe.say(self._candidate.architecture, text.encode()))

    def load_serve(self, text: str) -> CommandResult:
        """Make ``certify-probe:serve``, which answers every TCP connection with a text."""
        program = probe.serve(self._candidate.architecture, PROBE_PORT, text.encode())
        return self.load("serve", program)

    def fetch(self, port: int) -> CommandResult:
        """Connect to a port of the candidate's loopback, from inside it; print what comes."""
        program = probe.fetch(
            self._candidate.architecture, "127.0.0.1", port, b"GET / HTTP/1.0\r\n\r\n"
        )
        path = self._candidate.place_probe("fetch", program)
        return self._candidate.run(path, timeout=10)
