"""The free space of the engine's disk, and what must stay free on it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.filesize import decimal

from certify.model.errors import ImageUnavailable
from certify.model.terms import Fault

RESERVE = 2 * 10**9
"""Bytes that neither a pull nor a candidate may take from the host; where less than twice as many
are free, half of them."""
PLENTY = 20 * 10**9
"""Bytes; while more are free, nobody asks for the size of an image before its pull."""
_PAUSE = 0.5
MAKE_ROOM = "Make room on the engine's disk (see `docker system df`), and run again."


def free_bytes(info: Mapping[str, Any], *, local: bool) -> int | None:
    """Return the free bytes of the engine's disk, or None if it is not on this machine.

    ``info`` is what the engine says of itself.
    """
    root = str(info.get("DockerRootDir") or "")
    if local and root:
        with contextlib.suppress(OSError):
            found = os.statvfs(root)
            return found.f_bfree * found.f_frsize
    return None


def reserve_of(free: int | None) -> int:
    """Return the bytes that are kept for the host if so many are free at the start."""
    return RESERVE if free is None else min(RESERVE, free // 2)


def too_little(what: str, free: int, reserve: int) -> str:
    """Return the message that something ended before the reserve of the engine's disk."""
    return (
        f"{what}: {decimal(free)} are free on the engine's disk, and {decimal(reserve)} are kept "
        "for the host"
    )


class PullWatch:
    """The engine's disk while an image is pulled."""

    def __init__(self, name: str, free: Callable[[], int | None]) -> None:
        """Watch the pull of an image; ``free`` returns the free bytes, or None if nobody knows."""
        self._name, self._free = name, free
        self._reserve = reserve_of(free())
        self._looked = 0.0

    def require_room(self, packed: Callable[[], int]) -> None:
        """Raise :class:`ImageUnavailable` if the image does not fit.

        ``packed`` returns the bytes of its compressed layers; it is called if little is free.
        """
        free = self._free()
        if free is None or free > PLENTY:
            return
        size = packed()
        if free - size < self._reserve:
            raise self._excess(
                f"{self._name} was not pulled: it takes {decimal(size)}, packed", free
            )

    def require(self) -> None:
        """Raise :class:`ImageUnavailable` if what is unpacked reaches the reserve."""
        now = time.monotonic()
        if now - self._looked < _PAUSE:
            return
        self._looked = now
        free = self._free()
        if free is not None and free < self._reserve:
            raise self._excess(f"the pull of {self._name} was stopped", free)

    def _excess(self, what: str, free: int) -> ImageUnavailable:
        return ImageUnavailable(
            f"{too_little(what, free, self._reserve)}.", remedy=MAKE_ROOM, fault=Fault.HOST
        )
