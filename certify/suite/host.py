"""A testinfra backend over the long-lived shell, so that checks use testinfra's own modules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from testinfra.backend.base import BaseBackend, CommandResult
from testinfra.host import Host

from certify.engine.session import DEFAULT_TIMEOUT, CommandLost, Shell, ShellResult

Transcript = list[ShellResult]
"""What was asked and answered, in order: the evidence of the check that asked."""


class SessionBackend(BaseBackend):  # type: ignore[misc]
    """Commands go through one open shell instead of a process of ``docker exec`` each."""

    NAME = "certify"

    def __init__(self, shell: Shell, transcript: Transcript, name: str) -> None:
        super().__init__(name)
        self._shell = shell
        self._transcript = transcript

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        """Run a command line, its ``%s`` replaced by quoted arguments.

        ``shown`` stands for it in the evidence, where a person could not read it. Raises
        :class:`~certify.engine.session.SessionLost` rather than answer for a command whose end
        nobody knows.
        """
        line = self.get_command(command, *args)
        shown = kwargs.get("shown") or line
        try:
            answer = self._shell.run(line, timeout=kwargs.get("timeout", DEFAULT_TIMEOUT))
        except CommandLost as lost:
            self._transcript.append(replace(lost.result, command=shown))
            raise
        self._transcript.append(replace(answer, command=shown))
        return self.result(answer.rc, self.encode(line), answer.stdout, answer.stderr)

    def decode(self, data: bytes) -> str:
        """UTF-8, whatever an image prints: a byte that is none becomes U+FFFD."""
        return data.decode("utf-8", "replace")

    def encode(self, data: str) -> bytes:
        """UTF-8; no command is run to find out, as testinfra's own backends do."""
        return data.encode("utf-8", "surrogateescape")


def host_over(shell: Shell, transcript: Transcript, name: str) -> Host:
    """A testinfra ``Host`` over a shell."""
    backend = SessionBackend(shell, transcript, name)
    host = Host(backend)
    backend.set_host(host)
    return host
