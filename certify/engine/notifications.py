"""What PID 1 says on its notification socket (sd_notify(3)), read the moment it comes."""

from __future__ import annotations

import contextlib
import select
import socket
import threading

_PAUSE = 0.5
"""Seconds after which the reader looks whether its socket was closed."""


class Notices:
    """Reads a datagram socket for as long as it is open, and remembers ``READY=1``.

    Read on, also when nobody waits: systemd sends more than that one message (257 sends some for
    each boot, reload and shutdown), the kernel keeps ten (net.unix.max_dgram_qlen), and then the
    sender, which is PID 1, blocks for good.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._ready = threading.Event()
        self._reading = threading.Lock()
        self._reader: threading.Thread | None = None

    def ready(self, seconds: float) -> bool:
        """Whether ``READY=1`` came within so many seconds; each is told of once.

        From the first call on, the socket is read.
        """
        if self._reader is None:
            self._reader = threading.Thread(target=self._read_on, daemon=True)
            self._reader.start()
        came = self._ready.wait(seconds)
        if came:
            self._ready.clear()
        return came

    def forget(self) -> None:
        """Drop what has come so far, read or not."""
        with self._reading:
            self._drain()
            self._ready.clear()

    def _read_on(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # closed by its owner
            while self._end.fileno() >= 0:
                if select.select([self._end], [], [], _PAUSE)[0]:
                    with self._reading:
                        self._drain()

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                if b"READY=1" in self._end.recv(65536, socket.MSG_DONTWAIT).splitlines():
                    self._ready.set()
