"""The digests of the images of a list, as their registries return them."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from multiprocessing.pool import ThreadPool

from certify.certification.image_lookup import image_of_reference
from certify.certification.options import Options
from certify.engine.client import Engine
from certify.judge.profile import Profile
from certify.model.errors import Trouble
from certify.model.platform import normalize_platform
from certify.registry.client import Registry
from certify.sweep.expand import ListedImage
from certify.sweep.plan import ResolvedImage

THREADS = 16
"""The number of digests that are requested at a time."""


class Resolver:
    """Resolves the images of a list to digests, many at a time over kept connections."""

    def __init__(self, engine: Engine, profiles: Mapping[str, Profile], options: Options) -> None:
        self._engine = engine
        self._profiles = profiles
        self._options = options
        self._of_thread = threading.local()
        self._opened: list[Registry] = []
        self._connections = ExitStack()

    def resolve(
        self, images: Sequence[ListedImage], defaults: Sequence[str]
    ) -> tuple[list[ResolvedImage], dict[str, int]]:
        """Return every image once for each of its profiles, and the pulls left by registry.

        ``defaults`` are the profiles of an image that names none. Registries get HEAD requests
        only; with ``--pull never``, the engine's images count instead. Registries that report no
        limit of pulls are left out.
        """
        # Leaving the pool does not wait for its threads: on Ctrl-C, a registry may be silent.
        with self._connections, ThreadPool(THREADS) as pool:
            digests = pool.map(self._digest, images, chunksize=1)
        resolved = [
            self._resolved(image, self._profiles[name], *digest)
            for image, digest in zip(images, digests, strict=True)
            for name in image.profiles or defaults
        ]
        left: dict[str, int] = {}
        for registry in self._opened:
            if registry.pulls_left is not None:
                known = left.get(registry.host, registry.pulls_left)
                left[registry.host] = min(registry.pulls_left, known)
        return list({each.key: each for each in resolved}.values()), left  # lines may overlap

    def _digest(self, image: ListedImage) -> tuple[str | None, Trouble | None]:
        """Return the digest or else the image ID, or None with the reason."""
        reference = image.reference
        if image.trouble:
            return None, image.trouble
        try:
            if self._options.pull == "never" or reference.image_id:
                found = self._engine.resolve(reference, platform=image.platform, pull="never")
                return found.digest or found.image_id, None
            if reference.digest:
                return reference.digest, None
            registry = self._registry(reference.registry)
            return registry.digest(reference.repository, reference.tag or "latest"), None
        except Trouble as trouble:
            return None, trouble

    def _registry(self, host: str) -> Registry:
        """Return this thread's connection to a registry."""
        mine: dict[str, Registry] = self._of_thread.__dict__.setdefault("registries", {})
        if host not in mine:
            mine[host] = self._connections.enter_context(self._engine.registry(host))
            self._opened.append(mine[host])
        return mine[host]

    def _resolved(
        self, image: ListedImage, profile: Profile, digest: str | None, trouble: Trouble | None
    ) -> ResolvedImage:
        known = image_of_reference(image.reference, image.platform)
        known = known.model_copy(update={"digest": digest})
        options = replace(self._options, platform=image.platform)
        return ResolvedImage(
            reference=image.reference.familiar,
            profile=profile.name,
            platform=image.platform or normalize_platform(self._engine.platform),
            digest=digest,
            suite=options.suite_digest(self._engine, profile, known),
            trouble=trouble,
            platforms=image.platforms,
        )
