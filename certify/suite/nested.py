"""The engine inside the candidate: what it runs comes from certify, and needs no network."""

from __future__ import annotations

from testinfra.backend.base import CommandResult

from certify.engine.probe import programs
from certify.suite.candidate import PROBE_PORT, Candidate


class Nested:
    """Docker inside the candidate, through the candidate's own ``docker`` command."""

    def __init__(self, candidate: Candidate) -> None:
        self._candidate = candidate

    def docker(self, command: str, *args: str, timeout: float = 60) -> CommandResult:
        """``docker COMMAND`` inside the candidate."""
        return self._candidate.run(f"docker {command}", *args, timeout=timeout)

    def answers(self) -> bool:
        """Whether the daemon answers."""
        return bool(self.docker("version --format '{{.Server.Version}}'", timeout=15).rc == 0)

    def load(self, name: str, program: bytes) -> CommandResult:
        """Make an image of one static program, ``certify-probe:NAME``, that runs it."""
        tar = programs.shell_printf(programs.image_archive(program))
        load = f"docker import --change 'CMD [\"/probe\"]' - certify-probe:{name}"
        return self._candidate.run(f"{tar} | {load}", shown=f"(certify's own program) | {load}")

    def load_say(self, text: str) -> CommandResult:
        """Make ``certify-probe:say``, which prints a text and ends."""
        return self.load("say", programs.echo(self._candidate.architecture, text.encode()))

    def load_serve(self, text: str) -> CommandResult:
        """Make ``certify-probe:serve``, which answers every TCP connection with a text."""
        program = programs.serve(self._candidate.architecture, PROBE_PORT, text.encode())
        return self.load("serve", program)

    def fetch(self, port: int) -> CommandResult:
        """Connect to a port of the candidate's loopback, from inside it; print what comes."""
        program = programs.fetch(
            self._candidate.architecture, "127.0.0.1", port, b"GET / HTTP/1.0\r\n\r\n"
        )
        path = self._candidate.place_probe("fetch", program)
        return self._candidate.run(path, timeout=10)
