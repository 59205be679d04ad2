"""The folders in which candidates say that they are up, and what killed runs left of them.

Each is a folder of its own for temporary files, with a datagram socket in it, and is named for
the run and the process that made it: so whose it is can be told without opening anything.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from certify.engine import reaper

_NAME = re.compile(r"certify-[0-9a-f]{12}-(?P<machine>[0-9a-f]{12})-(?P<pid>\d+)-(?P<start>\d+)")


@contextlib.contextmanager
def opened(run: str) -> Iterator[tuple[Path, socket.socket]]:
    """A folder for a container to see, and the socket in it; both are gone at the end."""
    remove_orphans()
    folder = Path(tempfile.gettempdir()) / f"certify-{run}-{reaper.owner_in_short()}"
    folder.mkdir(mode=0o755)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            _bind(end, folder)
            end.setblocking(False)
            yield folder, end
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _bind(end: socket.socket, folder: Path) -> None:
    """Give the socket its name; by a short way, for its address holds 107 bytes (unix(7))."""
    folder.chmod(0o755)  # whatever the umask is
    there = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        end.bind(f"/proc/self/fd/{there}/socket")
    finally:
        os.close(there)
    (folder / "socket").chmod(0o666)  # PID 1 may be another user where users are remapped


def remove_orphans(*, everything: bool = False) -> int:
    """Remove the folders of processes that are gone; how many those were.

    ``everything`` also takes those of living processes and other machines. What may be in use,
    and what belongs to somebody who does not let us, stays.
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
