"""Check processes: copies of one server that has imported everything that checks need.

An interpreter with pytest and all checks takes more than half a second to be ready; a copy of it
(``fork``) some milliseconds. Each launch has a copy of its own. The server itself runs no check and
has one thread, so that nothing of one image reaches the next.

The server and its parent share a socket: a message with descriptors asks for a copy, one without
names a copy that has ended and is no longer of interest. The server ends with its parent. What it
does itself is in :mod:`certify.suite.serving`.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from typing import IO, Self

from certify.suite.forked_process import ForkedProcess, can_fork
from certify.suite.serving import start_copy, without_pytest

_LONGEST_PAUSE = 0.05
_PATIENCE = 60.0
"""Seconds for any answer of a server; its imports take long on a busy host."""
_END_SECONDS = 5.0


@dataclass(slots=True)
class Running:
    """A server that was started, and the parent's ends of what they share."""

    process: subprocess.Popen[bytes] | ForkedProcess
    control: socket.socket
    output: IO[bytes]
    _printed: bytes = b""
    _lock: Lock = field(default_factory=Lock)

    @classmethod
    def start(cls, command: Sequence[str]) -> Self:
        """Start a server: a command that gets its end of the socket as its last word.

        Without a command, the server is a copy of this process.
        """
        control, servers = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        control.settimeout(_PATIENCE)
        output = tempfile.TemporaryFile()  # noqa: SIM115 - of the server, while it lives
        with servers:
            number = servers.fileno()
            if not command:
                return cls(
                    ForkedProcess(partial(start_copy, number), output, number), control, output
                )
            process = subprocess.Popen(
                [*command, str(number)],
                pass_fds=(number,),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=without_pytest(os.environ),
                start_new_session=True,  # Ctrl-C is the parent's business
            )
        return cls(process, control, output)

    def read_output(self) -> bytes:
        """Return everything that the server itself printed, such as the reason why it ended.

        Another thread may have ended it meanwhile.
        """
        with self._lock:
            if not self.output.closed:
                self.output.seek(0)
                self._printed = self.output.read()
            return self._printed

    def kill(self) -> None:
        """Kill the server, but not its copies."""
        self.process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_END_SECONDS)

    def end(self) -> None:
        """End the server, but not its copies, and close what was shared with it."""
        self.control.close()
        self.kill()
        self.read_output()
        with self._lock:
            self.output.close()


class CheckServer:
    """The server, as its parent sees it; it is started on first use, and again if it was killed.

    Several threads may use it.
    """

    def __init__(self, *command: str) -> None:
        # -P: nothing in the caller's current folder may shadow a module.
        self._command = command or (sys.executable, "-P", "-m", "certify.suite")
        self._lock = Lock()
        self._running: Running | None = None

    def start(self, *, as_copy: bool = False) -> Running:
        """Start the server if it does not run; its imports pass meanwhile.

        With ``as_copy``, it is a copy of this process, if that has one thread: what this process
        has imported, the server has at once.
        """
        with self._lock:
            if self._running is None or self._running.process.poll() is not None:
                self._end()
                self._running = Running.start(() if as_copy and can_fork() else self._command)
                atexit.register(self.close)
            return self._running

    def copy(
        self, channel: socket.socket, output: IO[bytes], environment: Mapping[str, str]
    ) -> CheckProcess:
        """Return a new process with a channel, an output file and an environment.

        Its current folder is that of this process. It is ready as soon as the server is.
        """
        server = self.start()
        hand, theirs = socket.socketpair()
        hand.settimeout(_PATIENCE)
        folder = os.open(".", os.O_PATH | os.O_DIRECTORY)
        with contextlib.suppress(OSError):  # a server that has just ended
            numbers = [channel.fileno(), output.fileno(), theirs.fileno(), folder]
            socket.send_fds(server.control, [b"copy"], numbers)
            theirs.close()
            hand.sendall(json.dumps(without_pytest(environment)).encode())
            hand.shutdown(socket.SHUT_WR)
        theirs.close()
        os.close(folder)
        return CheckProcess(server, hand)

    def close(self) -> None:
        """End the server, but not its copies; a later use starts another one."""
        with self._lock:
            self._end()
        atexit.unregister(self.close)

    def _end(self) -> None:
        if self._running is not None:
            self._running.end()
        self._running = None


SERVER = CheckServer()
"""The server of this process."""


class CheckProcess:
    """A copy of the server. It stays known to the system until it is released."""

    def __init__(self, server: Running, hand: socket.socket) -> None:
        self.server, self._hand = server, hand
        self.is_silent = False
        """Whether the server was killed because it gave no answer."""

    @cached_property
    def pid(self) -> int | None:
        """The number of the process and its group; None if the server ended without a copy.

        A server that gives no answer is killed, so that it is replaced.
        """
        reply = b""
        try:
            reply = self._hand.recv(32)
        except TimeoutError:
            self.is_silent = True
        except OSError:
            pass  # it has just ended
        self._hand.close()
        if reply:
            return int(reply)
        if not self.is_silent:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.server.process.wait(_END_SECONDS)  # its sockets are closed moments before
        self.server.kill()
        return None

    def ends_within(self, seconds: float) -> bool:
        """Wait for its end so many seconds; return True if it has ended."""
        deadline, pause = time.monotonic() + seconds, 0.001
        while not self._has_ended():
            if time.monotonic() > deadline:
                return False
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        return True

    def _has_ended(self) -> bool:
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text("utf-8", "replace")
        except OSError:
            return True
        return stat.rpartition(")")[2].split()[0] in "ZX"  # field 3 of proc_pid_stat(5)

    def signal(self, number: int) -> None:
        """Send a signal to it and to all processes of its group."""
        with contextlib.suppress(ProcessLookupError):
            if self.pid is not None:
                os.killpg(self.pid, number)

    def release(self) -> None:
        """Let the server forget a process, as soon as it has ended."""
        with contextlib.suppress(OSError):
            if self.pid is not None:
                self.server.control.send(b"%d" % self.pid)
