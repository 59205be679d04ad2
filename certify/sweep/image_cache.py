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
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from certify.engine.client import Engine
from certify.engine.errors import APIError, ImageNotFound, translate_errors
from certify.engine.reaper import is_orphan, owner
from certify.model.errors import EngineUnavailable, Interrupted
from certify.model.reference import Reference
from certify.model.result import Image
from certify.util.text import one_line

MARK = "certify-pulled"
"""The repository of the names that certify gives to what it pulled."""
ELSEWHERE = 20 * 1024**3
"""Bytes that may be held on an engine whose disk cannot be looked at."""


@dataclass
class _Held:
    reference: Reference
    bytes: int
    needed: int = 1


class ImageCache:
    """What one sweep has pulled, and how much of the engine's disk that may take.

    ``room`` is in bytes, of image sizes as the engine tells them: layers that several images
    share count for each, so less is held than room is given. How large an image is turns out
    only when it is here, so the last one may be too much: while one is pulled, no other is.
    """

    def __init__(
        self, engine: Engine, room: int, stopped: Callable[[], bool] = lambda: False
    ) -> None:
        self._engine = engine
        self._room = room
        self._stopped = stopped
        self._held: OrderedDict[str, _Held] = OrderedDict()  # least recently needed first
        self._lent: dict[str, str] = {}  # names given to images that were there before
        self._lock = threading.Lock()

    def fetch(self, reference: Reference, platform: str | None) -> Image:
        """The image, pulled if the engine lacks it; held until it is released.

        For one thread alone. Raises :class:`~certify.model.errors.Trouble`, and
        :class:`~certify.model.errors.Interrupted` if it was stopped meanwhile.
        """
        before = self._named()
        try:
            image = self._engine.resolve(
                reference, platform=platform, pull="missing", stopped=self._stopped
            )
        except Interrupted:
            # It may have been the end of the pull that was interrupted.
            if self._inspected(reference.familiar).get("Id", "") not in {"", *before}:
                _forget(self._engine, [reference.familiar])
            raise
        image_id, name = str(image.image_id), reference.familiar
        with self._lock:
            if held := self._held.get(image_id):
                held.needed += 1
            elif image_id not in before or _marks(self._inspected(image_id)):
                # Also what another sweep has pulled: the last one to need it removes it.
                self._mark(image_id)
                self._held[image_id] = _Held(reference, image.size_bytes or 0)
            elif name not in before[image_id]:
                self._lent[image_id] = name
        return image

    def release(self, image: Image) -> None:
        """It is not needed any more; it stays until its room is needed."""
        with self._lock:
            if held := self._held.get(str(image.image_id)):
                held.needed -= 1
                self._held.move_to_end(str(image.image_id))

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
            for image_id, name in self._lent.items():
                if self._inspected(image_id).get("RepoTags"):  # else it would go with its name
                    _forget(self._engine, [name])

    def _bytes(self) -> int:
        return sum(held.bytes for held in self._held.values())

    def _remove(self, image_id: str) -> None:
        held, mine = self._held.pop(image_id), f"{MARK}:{_tag(image_id)}"
        shared = _marks(self._inspected(image_id)) - {mine}
        # The mark goes last: killed in between, the next one finds the image by it.
        _forget(self._engine, [mine] if shared else [held.reference.familiar, mine])

    def _mark(self, image_id: str) -> None:
        with contextlib.suppress(EngineUnavailable, APIError), translate_errors():
            self._engine.client.api.tag(image_id, MARK, _tag(image_id), force=True)

    def _inspected(self, name: str) -> dict[str, Any]:
        with contextlib.suppress(EngineUnavailable, APIError), translate_errors():
            return self._engine.client.images.get(name).attrs
        return {}

    def _named(self) -> dict[str, list[str]]:
        """What the engine has, by id, with names by digest: what is among them is not ours."""
        try:
            with translate_errors():
                listed = self._engine.client.api.images(all=True)
        except APIError as error:
            raise EngineUnavailable(
                f"The engine does not list its images: {one_line(str(error))}",
                remedy="See what `docker image ls` says, and the engine's own log.",
            ) from error
        return {each["Id"]: each.get("RepoDigests") or [] for each in listed}


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
    with translate_errors():
        listed = {each["Id"] for each in engine.client.api.images(name=MARK)}
        for image_id in listed:
            with contextlib.suppress(ImageNotFound):  # another process does the same
                image = engine.client.images.get(image_id).attrs
                orphaned = {
                    mark for mark in _marks(image) if everything or is_orphan(_owner_of(mark))
                }
                if orphaned:
                    digests = image.get("RepoDigests") or []
                    alone = set(image.get("RepoTags") or ()) == orphaned and len(digests) == 1
                    _forget(engine, [*(digests if alone else ()), *sorted(orphaned)])
                    removed += 1
    return removed


def _marks(image: dict[str, Any]) -> set[str]:
    return {name for name in image.get("RepoTags") or () if name.startswith(f"{MARK}:")}


def _tag(image_id: str) -> str:
    """This process and the image; a tag has no slashes."""
    return f"{owner().replace('/', '_')}_{image_id.removeprefix('sha256:')[:12]}"


def _owner_of(mark: str) -> str:
    return "/".join(mark.removeprefix(f"{MARK}:").split("_")[:3])


def _forget(engine: Engine, names: list[str]) -> None:
    """Take names away; with its last one the engine removes an image that nobody uses."""
    for name in names:
        with contextlib.suppress(EngineUnavailable, APIError), translate_errors():
            engine.client.images.remove(name)
