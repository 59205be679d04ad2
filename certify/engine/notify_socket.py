"""The socket on which an init reports that it is up (sd_notify(3)).

Each socket is in a temporary folder of its own, which the container sees. The folder's name holds
the run and the process that made it, so that folders of ended processes can be found and removed.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from certify.engine import reaper

READER = "certify-notify"
"""The name of the thread that reads; all it does is to wait for its socket."""
_PAUSE = 0.5
"""Seconds after which the reader checks again that its socket is open."""
_NAME = re.compile(r"certify-[0-9a-f]{12}-(?P<machine>[0-9a-f]{12})-(?P<pid>\d+)-(?P<start>\d+)")


class NotifyReader:
    """Reads a datagram socket for as long as it is open, and remembers ``READY=1``.

    It reads even if nobody waits: systemd sends further messages (257 sends some for each boot,
    reload and shutdown), the kernel queues ten (net.unix.max_dgram_qlen), and then the sender,
    PID 1, blocks for good.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._ready = threading.Event()
        self._reading = threading.Lock()
        self._reader: threading.Thread | None = None

    def wait_ready(self, seconds: float) -> bool:
        """Wait up to so many seconds for ``READY=1``; return True if it came, once for each.

        The first call starts the reader.
        """
        if self._reader is None:
            self._reader = threading.Thread(target=self._read_all, name=READER, daemon=True)
            self._reader.start()
        came = self._ready.wait(seconds)
        if came:
            self._ready.clear()
        return came

    def forget(self) -> None:
        """Drop all messages up to now."""
        with self._reading:
            self._drain()
            self._ready.clear()

    def _read_all(self) -> None:
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


@contextlib.contextmanager
def notify_socket(run: str) -> Iterator[tuple[Path, socket.socket]]:
    """Create a folder for a container, and the socket in it; remove both at the end."""
    remove_orphans()
    folder = Path(tempfile.gettempdir()) / f"certify-{run}-{reaper.short_owner()}"
    folder.mkdir(mode=0o755)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            _bind(end, folder)
            end.setblocking(False)
            yield folder, end
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _bind(end: socket.socket, folder: Path) -> None:
    """Bind a socket by a short path, for a socket's address holds only 107 bytes (unix(7))."""
    folder.chmod(0o755)  # whatever the umask is
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        end.bind(f"/proc/self/fd/{descriptor}/socket")
    finally:
        os.close(descriptor)
    (folder / "socket").chmod(0o666)  # PID 1 may be another user where users are remapped


def remove_orphans(*, everything: bool = False) -> int:
    """Remove the folders of processes that have ended; return their number.

    ``everything`` includes those of living processes and of other machines. A folder that this
    user may not remove stays.
    """
    removed = 0
    for folder in Path(tempfile.gettempdir()).glob("certify-*"):
        named = _NAME.fullmatch(folder.name)
        if named is None or not (everything or reaper.is_gone(*named.groups())):
            continue
        with contextlib.suppress(OSError):
            shutil.rmtree(folder)
            removed += 1
    return removed
