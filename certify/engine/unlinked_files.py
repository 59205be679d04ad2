"""Files without a name that a container's processes hold open: they take up the engine's disk, and
the engine, which adds up folders, does not see them.

Root sees them on the engine's own host; for anybody else there are none.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_BLOCK = 512  # of st_blocks, whatever the file system has


def unlinked_bytes(container: str, root: str) -> int:
    """Return the bytes of all files without a name that processes of a container hold open.

    ``root`` is the folder of the engine's data. What is on neither its file system nor the
    container's root takes up memory, and counts as such.
    """
    disks = set(filter(None, [_device(Path(root))]))
    found: dict[tuple[int, int], int] = {}
    for process in _processes(container):
        mine = disks | {_device(process / "root")}
        for each in _descriptors(process):
            with suppress(OSError):
                file = each.stat()
                if file.st_nlink == 0 and stat.S_ISREG(file.st_mode) and file.st_dev in mine:
                    found[file.st_dev, file.st_ino] = file.st_blocks * _BLOCK
    return sum(found.values())


def _processes(container: str) -> Iterator[Path]:
    """Yield the folders of a container's processes, those of nested containers among them."""
    for each in _PROC.iterdir():
        with suppress(OSError):
            if each.name.isdecimal() and container in (each / "cgroup").read_text("utf-8"):
                yield each


def _descriptors(process: Path) -> Iterator[Path]:
    with suppress(OSError):
        yield from (process / "fd").iterdir()


def _device(path: Path) -> int | None:
    with suppress(OSError):
        return path.stat().st_dev
    return None
