"""The connection of a process that runs checks to its parent: lines of JSON over a socket."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Sequence
from threading import Lock
from typing import Any

from certify.judge.control import Reach


class Channel:
    """The connection to the parent process; several threads may use it."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._sending, self._asking = Lock(), Lock()

    def receive_job(self) -> tuple[dict[str, Any], socket.socket | None]:
        """Wait for the job and its socket; exit quietly if the parent is gone."""
        data, fds, _, _ = socket.recv_fds(self._end, 1 << 16, 1)
        while data and not data.endswith(b"\n"):
            more = self._end.recv(1 << 16)
            if not more:
                break
            data += more
        if not data.endswith(b"\n"):
            sys.exit(0)
        notify = socket.socket(fileno=fds[0]) if fds else None
        if notify is not None:
            notify.setblocking(False)
        return json.loads(data), notify

    def control_results(self, urls: Sequence[str]) -> dict[str, Reach]:
        """Have the parent try URLs from a container of certify's own, and return the results."""
        with self._asking:
            self.send("control", urls=list(urls))
            with self._end.makefile("rb") as answers:
                line = answers.readline()
        if not line:
            sys.exit(0)  # the parent is gone
        return {url: Reach(reach) for url, reach in json.loads(line).items()}

    def send(self, event: str, **fields: Any) -> None:
        """Send one event."""
        line = json.dumps({"event": event, **fields}).encode() + b"\n"
        with self._sending:
            self._end.sendall(line)

    def close(self) -> None:
        """Close this process's end."""
        self._end.close()
