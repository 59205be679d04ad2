"""The engines of a list's images: a line for all platforms becomes one image for each of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from multiprocessing.pool import ThreadPool

from certify.certification.engines import Engines
from certify.certification.platforms import find_platforms
from certify.engine.client import Engine
from certify.model.errors import Trouble
from certify.model.platform import ALL
from certify.sweep.expand import ListedImage

THREADS = 16
"""The number of indexes that are read at a time."""


def expand_platforms(
    engines: Engines,
    images: Sequence[ListedImage],
    pull: str,
    known: Mapping[str, Collection[str]],
) -> list[ListedImage]:
    """Return one image for each platform, with the trouble of those that no engine can run.

    Where an index cannot be read, its platforms are those that are ``known`` for the reference.
    """

    def expand(image: ListedImage) -> list[ListedImage]:
        if image.platform != ALL or isinstance(engines.own, Trouble):
            return [image]
        try:
            names = find_platforms(engines.own, image.reference, pull).names
        except Trouble as trouble:
            before: list[str | None] = [*sorted(known.get(image.reference.familiar, ()))]
            return [replace(image, platform=each, trouble=trouble) for each in before or [None]]
        return [replace(image, platform=each, platforms=names) for each in names]

    with ThreadPool(THREADS) as pool:
        found = [each for part in pool.map(expand, images, chunksize=1) for each in part]
    unable = engines.unable(sorted({str(each.platform) for each in found if each.platforms}))
    return [
        each if each.trouble else replace(each, trouble=_trouble(engines, each, unable))
        for each in found
    ]


def _trouble(engines: Engines, image: ListedImage, unable: Mapping[str, Trouble]) -> Trouble | None:
    engine = engines.for_platform(image.platform)
    if isinstance(engine, Engine):
        return unable.get(str(image.platform)) if image.platforms else None
    return engine
