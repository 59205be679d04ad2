"""Runs the checks in a child process, and passes on its events as they come."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self

from certify.engine.connection import environment_for
from certify.model.errors import Interrupted, SuiteBroken
from certify.suite.job import Job
from certify.util.text import printable

Event = dict[str, Any]
_POLL_SECONDS = 0.5
_CLEANUP_SECONDS = 20.0
"""Time that the child has after SIGTERM to remove containers that it made."""


class Runner:
    """A context manager around the child process, which has ended when the context is left."""

    def __init__(self, address: str = "") -> None:
        """Prepare; ``address`` is that of the engine, empty for this host's own."""
        self._address = address
        self._end, self._childs_end = socket.socketpair()
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        environment = {
            key: value
            for key, value in environment_for(self._address).items()
            if not key.startswith("PYTEST_")
        } | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        number = self._childs_end.fileno()
        self._process = subprocess.Popen(
            # -P: nothing in the caller's current folder may shadow a module.
            [sys.executable, "-P", "-m", "certify.suite.worker", str(number)],
            pass_fds=(number,),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            env=environment,
            start_new_session=True,  # Ctrl-C is the parent's business
        )
        self._childs_end.close()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
        self._output.close()

    def close(self) -> None:
        """End the child and all that it started. A second call does nothing."""
        assert self._process is not None
        self._end.close()
        if not self._ends_within(0.2):
            self._signal(signal.SIGTERM)
            self._ends_within(_CLEANUP_SECONDS)
        self._signal(signal.SIGKILL)  # a lane may have outlived it
        self._process.wait()

    def _ends_within(self, seconds: float) -> bool:
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.returncode is not None

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def begin(self, job: Job, notify: socket.socket | None, own_checks: Sequence[str] = ()) -> None:
        """Send the job to the child. Raises :class:`SuiteBroken` if it has ended."""
        self._own = bool(own_checks)
        message = {"job": job.model_dump(mode="json"), "own_checks": list(own_checks)}
        line = json.dumps(message).encode() + b"\n"
        try:
            if notify is None:
                self._end.sendall(line)
            else:
                sent = socket.send_fds(self._end, [line], [notify.fileno()])
                self._end.sendall(line[sent:])
        except OSError as error:
            raise self._broken("the process that runs the checks ended early") from error

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
        output = printable(self._output.read(), limit=4000).strip()
        return SuiteBroken(
            f"{message[0].upper()}{message[1:]}.",
            remedy="See if one of your own checks ends the process (docs/writing-checks.md)."
            if self._own
            else "Run it again; if it persists, report it with the evidence.",
            evidence=output,
        )
