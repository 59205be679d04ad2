"""Marks on the images that certify brings to an engine: by a pull for a sweep, or from a file.

A mark is one more name of the image, in the repository :data:`~certify.engine.images.MARK`, whose
tag identifies the process that brought it. So the next command finds and removes the images of a
process that was killed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from certify.engine.client import Engine
from certify.engine.errors import APIError, ImageNotFound, translate_errors
from certify.engine.images import MARK, marks
from certify.engine.reaper import is_orphan, owner
from certify.model.errors import EngineUnavailable


def remove_orphans(
    engine: Engine,
    *,
    everything: bool = False,
    images: Sequence[Mapping[str, Any]] | None = None,
) -> int:
    """Remove images that processes which ended had brought; return their number.

    If an image has yet another name, only its mark is removed. With ``everything``, the images of
    other machines and of running processes go as well. ``images`` are all of the engine, if they
    are listed already. Raises :class:`EngineUnavailable`.
    """
    removed = 0
    with translate_errors():
        if images is None:
            images = engine.client.api.images(name=MARK)
        listed = {each["Id"] for each in images if marks(each)}
        for image_id in listed:
            with contextlib.suppress(ImageNotFound):  # another process removed it first
                image = engine.client.images.get(image_id).attrs
                orphaned = {
                    mark for mark in marks(image) if everything or is_orphan(_owner_of(mark))
                }
                if orphaned:
                    digests = image.get("RepoDigests") or []
                    alone = set(image.get("RepoTags") or ()) == orphaned and len(digests) == 1
                    remove_names(engine, [*(digests if alone else ()), *sorted(orphaned)])
                    removed += 1
    return removed


def mark_of(image_id: str) -> str:
    """Return the mark of this process for an image; a tag cannot contain slashes."""
    return f"{MARK}:{owner().replace('/', '_')}_{image_id.removeprefix('sha256:')[:12]}"


def add_mark(engine: Engine, image_id: str) -> None:
    """Mark an image as brought by this process; an engine that refuses changes nothing."""
    repository, _, tag = mark_of(image_id).partition(":")
    with contextlib.suppress(EngineUnavailable, APIError), translate_errors():
        engine.client.api.tag(image_id, repository, tag, force=True)


def inspect(engine: Engine, name: str) -> dict[str, Any]:
    """Return what the engine says of an image; nothing if it has none of that name."""
    with contextlib.suppress(EngineUnavailable, APIError), translate_errors():
        return engine.client.images.get(name).attrs
    return {}


def _owner_of(mark: str) -> str:
    return "/".join(mark.removeprefix(f"{MARK}:").split("_")[:3])


def remove_names(engine: Engine, names: list[str]) -> None:
    """Remove names of an image; with the last one, the engine removes the image if it is unused."""
    for name in names:
        with contextlib.suppress(EngineUnavailable, APIError), translate_errors():
            engine.client.images.remove(name)
