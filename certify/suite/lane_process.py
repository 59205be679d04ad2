"""A lane: a copy of the process that runs the checks.

Its events pass through the process that it was copied from, whose parent hears one voice. If it
ends early, the findings that it owes are missing, and nothing is certified without them.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import traceback
import warnings
from collections.abc import Callable
from threading import Thread, enumerate, main_thread
from typing import NoReturn

from certify.engine.notify_socket import READER
from certify.model.finding import Finding
from certify.suite.channel import Channel


def can_copy() -> bool:
    """Return True if this process has no thread that might hold what its copy would wait for."""
    return all(each is main_thread() or each.name == READER for each in enumerate())


class LaneProcess:
    """A process that does some work with a channel of its own, and then ends."""

    def __init__(
        self, channel: Channel, work: Callable[[Channel], None], found: Callable[[Finding], None]
    ) -> None:
        """Begin ``work`` in a copy of this process. ``found`` takes each of its findings."""
        self._channel, self._found = channel, found
        self._end, lanes_end = socket.socketpair()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads: see can_copy
            self._pid = os.fork()
        if self._pid == 0:
            self._end.close()
            channel.close()  # its parent must notice the end of the process that was copied
            _work(work, lanes_end)
        lanes_end.close()
        self._thread = Thread(target=self._relay, name="certify-lane")

    def follow(self) -> None:
        """Begin to pass on its events; from now on this process has several threads."""
        self._thread.start()

    def join(self) -> None:
        """Wait for its end."""
        self._thread.join()
        os.waitpid(self._pid, 0)

    def _relay(self) -> None:
        # What ends the relay early (a parent that is gone, half a line) leaves findings missing.
        with self._end, self._end.makefile("rb") as lines, contextlib.suppress(OSError, ValueError):
            for line in lines:
                event = json.loads(line)
                if event["event"] == "control":
                    results = self._channel.control_results(event["urls"])
                    self._end.sendall(json.dumps(results).encode() + b"\n")
                    continue
                if event["event"] == "finding":
                    self._found(Finding.model_validate(event["finding"]))
                self._channel.send(**event)


def _work(work: Callable[[Channel], None], end: socket.socket) -> NoReturn:
    """Do the work of a lane, and end the process without the ends of what it was copied with."""
    code = 1
    try:
        work(Channel(end))
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
