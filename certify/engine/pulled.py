"""Images that were pulled for a sweep alone: kept while there is room, gone in the end.

The engine itself keeps the note of them: a second name, :data:`MARK`, whose tag says which
process pulled the image. So what a process that was killed has pulled is found, and removed,
by whoever comes next; and an image that anybody else has named meanwhile is left to them.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections import OrderedDict
from dataclasses import dataclass

from certify.engine.client import APIError, Engine, answering
from certify.engine.reaper import is_orphan, owner
from certify.errors import EngineUnavailable, ImageUnavailable, Trouble
from certify.images.reference import Reference

MARK = "certify-pulled"
"""The repository of the names that certify gives to what it pulled."""
ELSEWHERE = 20 * 1024**3
"""Bytes that may be held on an engine whose disk cannot be looked at."""


@dataclass
class _Held:
    reference: Reference
    bytes: int
    needed: int = 1


class Pulled:
    """What one sweep has pulled, and how much of the engine's disk that may take.

    ``room`` is in bytes, of image sizes as the engine tells them: layers that several images
    share count for each, so less is held than room is given. One image is always held.
    """

    def __init__(self, engine: Engine, room: int) -> None:
        self._engine = engine
        self._room = room
        self._held: OrderedDict[str, _Held] = OrderedDict()  # least recently needed first
        self._lock = threading.Lock()

    def fetch(self, reference: Reference, platform: str, *, pull: str) -> str | None:
        """Pull an image that the engine lacks; its id, to be released again, or null.

        Null also where it cannot be had: why, its certification will tell.
        """
        if pull == "never":
            return None
        here = self._id(reference, platform)
        with self._lock:
            if here is not None:
                if (held := self._held.get(here)) is None:
                    return None  # somebody else's
                held.needed += 1
                return here
        try:
            image = self._engine.resolve(reference, platform=platform, pull="missing")
        except Trouble:
            return None
        assert image.image_id is not None
        with contextlib.suppress(EngineUnavailable, APIError), answering():
            self._engine.client.api.tag(image.image_id, MARK, _tag(image.image_id), force=True)
        with self._lock:
            self._held[image.image_id] = _Held(reference, image.size_bytes or 0)
        return image.image_id

    def release(self, image_id: str | None) -> None:
        """It is not needed any more; it stays until its room is needed."""
        with self._lock:
            if image_id is not None and (held := self._held.get(image_id)):
                held.needed -= 1
                self._held.move_to_end(image_id)

    def has_room(self) -> bool:
        """Whether another image may be pulled; what is not needed makes room, the oldest first."""
        with self._lock:
            idle = [image_id for image_id, held in self._held.items() if not held.needed]
            while self._bytes() >= self._room and idle:
                self._remove(idle.pop(0))
            return self._bytes() < self._room

    def clear(self) -> None:
        """Remove whatever is left."""
        with self._lock:
            for image_id in list(self._held):
                self._remove(image_id)

    def _bytes(self) -> int:
        return sum(held.bytes for held in self._held.values())

    def _remove(self, image_id: str) -> None:
        held = self._held.pop(image_id)
        _forget(self._engine, [f"{MARK}:{_tag(image_id)}", held.reference.familiar])

    def _id(self, reference: Reference, platform: str) -> str | None:
        with contextlib.suppress(ImageUnavailable, EngineUnavailable):
            return self._engine.resolve(reference, platform=platform, pull="never").image_id
        return None


def room_on(engine: Engine) -> int:
    """Bytes that a sweep may fill: half of what is free where the engine keeps its images."""
    root = str(engine.info.get("DockerRootDir") or "")
    if engine.local and root:
        with contextlib.suppress(OSError):
            return shutil.disk_usage(root).free // 2
    return ELSEWHERE


def remove_orphans(engine: Engine, *, everything: bool = False) -> int:
    """Remove what processes that are gone have pulled and marked; how many images that was.

    Of an image that bears yet another name only the mark is removed. ``everything`` also takes
    what other machines and living processes pulled. Raises :class:`EngineUnavailable`.
    """
    removed = 0
    with answering():
        for image in engine.client.images.list(name=MARK):
            marks = [name for name in image.tags if name.startswith(f"{MARK}:")]
            orphaned = [mark for mark in marks if everything or is_orphan(_owner_of(mark))]
            if orphaned:
                whole = engine.client.images.get(str(image.id))  # the list shows only the marks
                alone = whole.tags == orphaned
                digests = (whole.attrs.get("RepoDigests") or ()) if alone else ()
                _forget(engine, [*orphaned, *digests])
                removed += 1
    return removed


def _tag(image_id: str) -> str:
    """This process and the image; a tag has no slashes."""
    return f"{owner().replace('/', '_')}_{image_id.removeprefix('sha256:')[:12]}"


def _owner_of(mark: str) -> str:
    return "/".join(mark.removeprefix(f"{MARK}:").split("_")[:3])


def _forget(engine: Engine, names: list[str]) -> None:
    """Take names away; with its last one the engine removes an image that nobody uses."""
    for name in names:
        with contextlib.suppress(EngineUnavailable, APIError), answering():
            engine.client.images.remove(name)
