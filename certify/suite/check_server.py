"""Check processes: copies of one server that has imported everything that checks need.

An interpreter with pytest and all checks takes more than half a second to be ready; a copy of it
(``fork``) some milliseconds. Each launch has a copy of its own. The server itself runs no check and
has one thread, so that nothing of one image reaches the next.

The server and its parent share a socket: a message with descriptors asks for a copy, one without
names a copy that has ended and is no longer of interest. The server ends with its parent.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import IO, Any, Self

_LONGEST_PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class Running:
    """A server that was started, and the parent's ends of what they share."""

    process: subprocess.Popen[bytes]
    control: socket.socket
    output: IO[bytes]

    @classmethod
    def start(cls, command: Sequence[str]) -> Self:
        """Start a server, which gets its end of the socket as its last word."""
        control, servers = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        output = tempfile.TemporaryFile()  # noqa: SIM115 - of the server, while it lives
        with servers:
            process = subprocess.Popen(
                [*command, str(servers.fileno())],
                pass_fds=(servers.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=_without_pytest(os.environ),
                start_new_session=True,  # Ctrl-C is the parent's business
            )
        return cls(process, control, output)

    def read_output(self) -> bytes:
        """Return everything that the server itself printed, such as the reason why it ended."""
        self.output.seek(0)
        return self.output.read()

    def end(self) -> None:
        """End the server, but not its copies."""
        self.control.close()
        self.process.kill()
        self.process.wait()
        self.output.close()


class CheckServer:
    """The server, as its parent sees it; it is started on first use, and again if it was killed.

    Several threads may use it.
    """

    def __init__(self, *command: str) -> None:
        # -P: nothing in the caller's current folder may shadow a module.
        self._command = command or (sys.executable, "-P", "-m", "certify.suite.worker")
        self._lock = Lock()
        self._running: Running | None = None

    def start(self) -> Running:
        """Start the server if it does not run; its imports pass meanwhile."""
        with self._lock:
            if self._running is None or self._running.process.poll() is not None:
                self._end()
                self._running = Running.start(self._command)
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
        folder = os.open(".", os.O_PATH | os.O_DIRECTORY)
        with contextlib.suppress(OSError):  # a server that has just ended
            numbers = [channel.fileno(), output.fileno(), theirs.fileno(), folder]
            socket.send_fds(server.control, [b"copy"], numbers)
            theirs.close()
            hand.sendall(json.dumps(_without_pytest(environment)).encode())
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

    @cached_property
    def pid(self) -> int | None:
        """The number of the process and its group; None if the server ended without a copy."""
        with self._hand, contextlib.suppress(OSError):
            if told := self._hand.recv(32):
                return int(told)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.server.process.wait(5)  # its sockets are closed some moments before
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
        """Release a process that has ended."""
        with contextlib.suppress(OSError):
            if self.pid is not None:
                self.server.control.send(b"%d" % self.pid)


def _without_pytest(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which nothing changes what pytest does."""
    kept = {key: value for key, value in environment.items() if not key.startswith("PYTEST_")}
    return kept | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


# In the server


def serve(control: socket.socket) -> socket.socket:
    """Make copies of this process; return in each of them, with its channel, and never here."""
    os.chdir("/")  # it keeps no folder busy
    gc.collect()
    gc.freeze()  # what is there already is no garbage, and its pages stay shared
    while True:
        message, numbers, _, _ = socket.recv_fds(control, 32, 4, socket.MSG_CMSG_CLOEXEC)
        if not message:
            os._exit(0)
        if not numbers:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(int(message), 0)
            continue
        pid = os.fork()
        if pid == 0:
            control.close()
            return _settle(numbers)
        with contextlib.suppress(OSError):  # its parent may be gone
            os.write(numbers[2], b"%d" % pid)
        for number in numbers:
            os.close(number)


def _settle(numbers: Sequence[int]) -> socket.socket:
    """Make a copy a process of its own: with a session, a folder, an output, an environment."""
    channel, output, hand, folder = numbers
    os.setsid()
    os.fchdir(folder)
    for standard in (1, 2):
        os.dup2(output, standard)
    with socket.socket(fileno=hand) as parent, parent.makefile("rb") as settings:
        environment: dict[str, Any] = json.loads(settings.read())
    os.environ.clear()
    os.environ.update(environment)
    os.close(output)
    os.close(folder)
    return socket.socket(fileno=channel)
