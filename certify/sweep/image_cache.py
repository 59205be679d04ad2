"""Images that are pulled only for a sweep: kept while there is room, removed at the end.

Each gets a mark of this process (:mod:`certify.engine.image_marks`). An image that got yet another
name meanwhile stays.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from certify.engine.client import Engine
from certify.engine.errors import APIError, translate_errors
from certify.engine.image_marks import add_mark, inspect, mark_of, remove_names
from certify.engine.images import marks
from certify.model.errors import EngineUnavailable, Interrupted
from certify.model.reference import Reference
from certify.model.result import Image
from certify.util.text import one_line

REMOTE_ROOM = 20 * 1024**3
"""Bytes that a sweep may fill on an engine whose disk cannot be measured."""


@dataclass
class _CachedImage:
    reference: Reference
    bytes: int
    users: int = 1


class ImageCache:
    """The images that one sweep has pulled, within a limit of the engine's disk.

    ``room`` is in bytes of image sizes as the engine reports them. Layers that several images
    share count once for each, so the disk is used less than that. The size of an image is known
    only after its pull, so the last one may exceed the limit; therefore images are pulled one at
    a time.
    """

    def __init__(
        self, engine: Engine, room: int, stopped: Callable[[], bool] = lambda: False
    ) -> None:
        self._engine = engine
        self._room = room
        self._stopped = stopped
        self._held: OrderedDict[str, _CachedImage] = OrderedDict()  # least recently used first
        self._named: dict[str, str] = {}  # names that pulls gave to images that were there before
        self._lock = threading.Lock()
        engine.settle()  # images of a sweep that was killed are still being removed

    def fetch(self, reference: Reference, platform: str | None) -> Image:
        """Return an image, pulled if the engine lacks it, which stays until it is released.

        Only one thread may call this. Raises :class:`~certify.model.errors.Trouble`, and
        :class:`~certify.model.errors.Interrupted` if the sweep was stopped meanwhile.
        """
        before = self._names_by_id()
        try:
            image = self._engine.resolve(
                reference, platform=platform, pull="missing", stopped=self._stopped
            )
        except Interrupted:
            # The pull may have been complete already.
            if inspect(self._engine, reference.familiar).get("Id", "") not in {"", *before}:
                remove_names(self._engine, [reference.familiar])
            raise
        image_id, name = str(image.image_id), reference.familiar
        with self._lock:
            if held := self._held.get(image_id):
                held.users += 1
            elif image_id not in before or marks(inspect(self._engine, image_id)):
                # This holds for an image of another sweep, too: the last user removes it.
                add_mark(self._engine, image_id)
                self._held[image_id] = _CachedImage(reference, image.size_bytes or 0)
            elif name not in before[image_id]:
                self._named[image_id] = name
        return image

    def release(self, image: Image) -> None:
        """Allow an image to be removed as soon as its room is needed."""
        with self._lock:
            if held := self._held.get(str(image.image_id)):
                held.users -= 1
                self._held.move_to_end(str(image.image_id))

    def has_room(self) -> bool:
        """Return True if another image may be pulled, after removing unused ones if needed."""
        with self._lock:
            idle = [image_id for image_id, held in self._held.items() if not held.users]
            while self._bytes() >= self._room and idle:
                self._remove(idle.pop(0))
            return self._bytes() < self._room

    def remove_unused(self) -> None:
        """Remove the images that nobody uses, and the names that pulls gave to others."""
        with self._lock:
            self._clear([image_id for image_id, held in self._held.items() if not held.users])

    def clear(self) -> None:
        """Remove all images that are left."""
        with self._lock:
            self._clear(list(self._held))

    def _clear(self, image_ids: Iterable[str]) -> None:
        for image_id in image_ids:
            self._remove(image_id)
        while self._named:
            image_id, name = self._named.popitem()
            # With its only name, the image would go.
            if inspect(self._engine, image_id).get("RepoTags"):
                remove_names(self._engine, [name])

    def _bytes(self) -> int:
        return sum(held.bytes for held in self._held.values())

    def _remove(self, image_id: str) -> None:
        self._engine.settle()  # its last container may still be in removal
        held, mine = self._held.pop(image_id), mark_of(image_id)
        shared = marks(inspect(self._engine, image_id)) - {mine}
        # The mark goes last, so that the next sweep finds the image if this one is killed here.
        pulled = held.reference.familiar, f"{held.reference.name}@{image_id}"
        remove_names(self._engine, [mine] if shared else [*pulled, mine])

    def _names_by_id(self) -> dict[str, list[str]]:
        """Return the names by digest of all images that the engine has, by image ID."""
        try:
            with translate_errors():
                listed = self._engine.client.api.images(all=True)
        except APIError as error:
            raise EngineUnavailable(
                f"The engine does not list its images: {one_line(str(error))}",
                remedy="Look at the output of `docker image ls`, and at the engine's own log.",
            ) from error
        return {each["Id"]: each.get("RepoDigests") or [] for each in listed}


def default_room(engine: Engine) -> int:
    """Return the bytes that a sweep may fill: half of what is free on the engine's disk."""
    engine.settle()
    root = str(engine.info.get("DockerRootDir") or "")
    if engine.local and root:
        with contextlib.suppress(OSError):
            return shutil.disk_usage(root).free // 2
    return REMOTE_ROOM
