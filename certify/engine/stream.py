"""The stream of a command that the engine runs in a container."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from typing import Any

from certify.engine.session import DEFAULT_TIMEOUT, SessionLost


class EngineStream:
    """The multiplexed stream of ``exec``: frames of an 8-byte header and its payload."""

    def __init__(self, raw: Any) -> None:
        """Take the result of docker-py's ``exec_start(socket=True)``, and keep it alive."""
        self._raw = raw
        self._socket: socket.socket = getattr(raw, "_sock", raw)
        self._buffer = bytearray()

    def send(self, data: bytes) -> None:
        """See :class:`~certify.engine.session.Stream`."""
        try:
            self._socket.settimeout(DEFAULT_TIMEOUT)
            self._socket.sendall(data)
        except OSError as error:
            raise SessionLost(str(error)) from error

    def receive(self, deadline: float) -> tuple[int, bytes]:
        """See :class:`~certify.engine.session.Stream`."""
        self._fill(8, deadline)
        channel, size = struct.unpack(">BxxxL", self._buffer[:8])
        self._fill(8 + size, deadline)
        data = bytes(self._buffer[8 : 8 + size])
        del self._buffer[: 8 + size]
        return channel, data

    def _fill(self, size: int, deadline: float) -> None:
        while len(self._buffer) < size:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(1 << 18)
            except TimeoutError:
                raise
            except OSError as error:
                raise SessionLost(str(error)) from error
            if not data:
                raise SessionLost("the shell ended")
            self._buffer += data

    def close(self) -> None:
        """See :class:`~certify.engine.session.Stream`."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        for end in (self._socket, self._raw):
            with contextlib.suppress(OSError):
                end.close()
