"""A testinfra backend over the long-lived shell, so that checks can use testinfra's modules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from testinfra.backend.base import BaseBackend, CommandResult
from testinfra.host import Host

from certify.engine.session import DEFAULT_TIMEOUT, CommandLost, Shell, ShellResult

Transcript = list[ShellResult]
"""The commands of a check with their results, in order: its evidence."""


class SessionBackend(BaseBackend):  # type: ignore[misc]
    """Runs commands in one open shell instead of a process of ``docker exec`` each."""

    NAME = "certify"

    def __init__(self, shell: Shell, transcript: Transcript, name: str) -> None:
        super().__init__(name)
        self._shell = shell
        self._transcript = transcript

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        """Run a command line, its ``%s`` replaced by quoted arguments.

        ``timeout`` is in seconds; ``shown`` replaces an unreadable command in the evidence.
        Raises :class:`~certify.engine.session.SessionLost` if the end of the command is unknown.
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
        """Decode UTF-8; an invalid byte becomes U+FFFD."""
        return data.decode("utf-8", "replace")

    def encode(self, data: str) -> bytes:
        """Encode as UTF-8, without testinfra's command that finds out the encoding."""
        return data.encode("utf-8", "surrogateescape")


def make_host(shell: Shell, transcript: Transcript, name: str) -> Host:
    """Return a testinfra ``Host`` over a shell."""
    backend = SessionBackend(shell, transcript, name)
    host = Host(backend)
    backend.set_host(host)
    return host
