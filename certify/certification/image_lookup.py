"""One image, looked for once: a tag may move, and a pull costs, while it is launched again."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from certify.engine.client import Engine
from certify.model.errors import Trouble
from certify.model.reference import Reference
from certify.model.result import Image
from certify.registry.client import manifest_digest
from certify.registry.hub import trust


class ImageLookup:
    """What is behind a reference; the first answer stands, also where it is trouble."""

    def __init__(self, find: Callable[[], Image]) -> None:
        self._find = find
        self._found: Future[Image] = Future()
        self._known: Image | None = None

    def image(self) -> Image:
        """The image. Raises :class:`~certify.model.errors.Trouble` if there is none to be had."""
        if not self._found.done():
            try:
                self._found.set_result(self._find())
            except Trouble as trouble:
                self._found.set_exception(trouble)
        return self._found.result()

    def known(self, engine: Engine, reference: Reference) -> Image:
        """The image, with what else its registry knows of it, such as the platform's manifest."""
        image = self.image()
        if self._known is None and image.digest and image.platform:
            registry = engine.registry(reference.registry, timeout=5.0)
            digest = manifest_digest(registry, reference, image.digest, image.platform)
            told = {"manifest_digest": digest, "trust": trust(reference)}
            self._known = image.model_copy(update=told)
        return self._known or image
