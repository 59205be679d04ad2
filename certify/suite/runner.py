"""Runs the checks in a child process, and passes on its events as they come."""

from __future__ import annotations

import contextlib
import json
import select
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self

from certify.engine.connection import environment_for
from certify.model.errors import Interrupted, SuiteBroken
from certify.suite.check_server import SERVER, CheckServer
from certify.suite.job import Job
from certify.util.text import printable

Event = dict[str, Any]
_POLL_SECONDS = 0.5
_CLEANUP_SECONDS = 20.0
"""Time that the child has after SIGTERM to remove containers that it made."""


class Runner:
    """A context manager around the child process, which has ended when the context is left."""

    def __init__(self, address: str = "", server: CheckServer = SERVER) -> None:
        """Prepare; ``address`` is that of the engine, empty for this host's own."""
        self._address, self._server = address, server
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process

    def __enter__(self) -> Self:
        self._start()
        return self

    def _start(self) -> None:
        self._end, childs_end = socket.socketpair()
        with childs_end:
            environment = environment_for(self._address)
            self._process = self._server.copy(childs_end, self._output, environment)

    def __exit__(self, *exc: object) -> None:
        self.close()
        self._process.release()
        self._output.close()

    def close(self) -> None:
        """End the child and all that it started. A second call does nothing."""
        self._end.close()
        if not self._process.ends_within(0.2):
            self._process.signal(signal.SIGTERM)
            self._process.ends_within(_CLEANUP_SECONDS)
        self._process.signal(signal.SIGKILL)  # a lane may have outlived it
        self._process.ends_within(_CLEANUP_SECONDS)

    def begin(self, job: Job, notify: socket.socket | None, own_checks: Sequence[str] = ()) -> None:
        """Send the job to the child. Raises :class:`SuiteBroken` if it has ended."""
        self._own = bool(own_checks)
        if self._process.pid is None:  # the server was killed before it made the child
            self._end.close()
            self._start()
        message = {"job": job.model_dump(mode="json"), "own_checks": list(own_checks)}
        line = json.dumps(message).encode() + b"\n"
        try:
            if self._process.pid is None:
                raise BrokenPipeError
            if notify is None:
                self._end.sendall(line)
            else:
                sent = socket.send_fds(self._end, [line], [notify.fileno()])
                self._end.sendall(line[sent:])
        except OSError as error:
            end = "gave no sign of life" if self._process.is_silent else "ended early"
            raise self._broken(f"the process that runs the checks {end}") from error

    def send_control_results(self, results: Mapping[str, str]) -> None:
        """Reply to the child's ``control`` event; :meth:`events` notices a child that has ended."""
        with contextlib.suppress(OSError):
            self._end.sendall(json.dumps(dict(results)).encode() + b"\n")

    def events(
        self, deadline: float, stopped: Callable[[], bool] = lambda: False
    ) -> Iterator[Event]:
        """Yield the child's events until it is done or the deadline (``time.monotonic()``) passes.

        The last event is ``done`` or ``deadline``. Raises :class:`SuiteBroken` if the child ends
        without ``done``, and :class:`Interrupted` once ``stopped`` returns True. However the
        iteration ends, the child has ended then, before its container is removed.
        """
        try:
            yield from self._receive_events(deadline, stopped)
        finally:
            self.close()

    def _receive_events(self, deadline: float, stopped: Callable[[], bool]) -> Iterator[Event]:
        buffer = b""
        while True:
            if stopped():
                raise Interrupted
            left = deadline - time.monotonic()
            if left <= 0:
                yield {"event": "deadline"}
                return
            if not select.select([self._end], [], [], min(left, _POLL_SECONDS))[0]:
                continue
            data = self._receive()
            if not data:
                raise self._broken("the process that runs the checks broke down")
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                event: Event = json.loads(line)
                yield event
                if event["event"] == "done":
                    return

    def _receive(self) -> bytes:
        try:
            return self._end.recv(1 << 16)
        except ConnectionResetError:
            return b""

    def _broken(self, message: str) -> SuiteBroken:
        self._output.seek(0)
        has_begun = self._process.pid is not None
        printed = self._output.read() if has_begun else self._process.server.read_output()
        output = printable(printed, limit=4000).strip()
        return SuiteBroken(
            f"{message[0].upper()}{message[1:]}.",
            remedy="See if one of your own checks ends the process"
            " (`certify help writing-checks.md`)."
            if self._own
            else "Run it again; if it persists, report it with the evidence.",
            evidence=output,
        )
