"""The lookup of one image, done once for all its launches: tags move, and pulls take time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import Future

from certify.engine.client import Engine
from certify.model.errors import ImageUnavailable, Trouble
from certify.model.reference import Reference
from certify.model.result import Image
from certify.registry.hub import publisher_trust


class ImageLookup:
    """The image behind a reference. The first lookup decides, even if it fails."""

    def __init__(self, find: Callable[[], Image]) -> None:
        self._find = find
        self._found: Future[Image] = Future()
        self._described: Image | None = None

    def image(self) -> Image:
        """Return the image. Raises :class:`~certify.model.errors.Trouble` if there is none."""
        if not self._found.done():
            try:
                self._found.set_result(self._find())
            except Trouble as trouble:
                self._found.set_exception(trouble)
        return self._found.result()

    def image_with_registry_facts(self, engine: Engine, reference: Reference) -> Image:
        """Return the image with the digest of its manifest and the publisher's trust.

        Raises as :meth:`image` does; a registry that does not answer only leaves them out.
        """
        image = self.image()
        if self._described is None and image.digest and image.platform:
            name, manifests = reference.repository, list[str]()
            registry = engine.registry(reference.registry, timeout=5.0)
            with contextlib.suppress(ImageUnavailable), registry:
                manifests = registry.manifest_digests(name, image.digest, image.platform)
            facts = {
                "manifest_digest": manifests[0] if len(manifests) == 1 else None,
                "rival_manifests": tuple(manifests) if len(manifests) > 1 else (),
                "trust": publisher_trust(reference),
            }
            self._described = image.model_copy(update=facts)
        return self._described or image


def image_of_reference(reference: Reference, platform: str | None) -> Image:
    """Return an image with only the facts that its reference states."""
    known = {"image_id": reference.image_id, "digest": reference.digest, "platform": platform}
    return Image.model_validate(reference.image_fields | known)
