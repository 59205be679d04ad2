"""The parts of ``certify verify`` that need a registry; imported only then, to start quickly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from certify.model.errors import ImageUnavailable, NotBelieved
from certify.model.reference import Reference
from certify.registry.client import Registry
from certify.registry.credentials import login
from certify.registry.referrers import Referrers
from certify.signing.attachments import read_statements_of_image
from certify.signing.gate import Decision, ImageRequest, decide_from_statements
from certify.signing.keys import PublicKey


class Registries(ExitStack):
    """The registries of several images, each with one connection; a context manager."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[str, Registry] = {}
        self._silent: set[str] = set()

    def resolve_tag(self, reference: Reference) -> str:
        """Return the digest that the tag leads to now."""
        with self._registry(reference) as registry:
            return registry.digest(reference.repository, reference.tag or "")

    def decide(self, reference: Reference, request: ImageRequest, key: PublicKey) -> Decision:
        """Decide from the statements that are attached to the image and signed with the key."""
        with self._registry(reference) as registry:
            repository = reference.repository
            manifests = registry.manifest_digests(repository, request.digest, request.platform)
            request = replace(request, manifest=manifests[0] if len(manifests) == 1 else None)
            try:
                found = read_statements_of_image(request, Referrers(registry, repository), key)
            except NotBelieved as error:
                return Decision("signature", error.message)
        return decide_from_statements(request, found, datetime.now(UTC))

    @contextmanager
    def _registry(self, reference: Reference) -> Iterator[Registry]:
        """Yield the registry of an image, unless it gave no answer at all about another one."""
        host = reference.registry
        if host in self._silent:
            raise ImageUnavailable(
                f"{host} did not answer about another image", remedy="Try again later."
            )
        if host not in self._known:
            self._known[host] = self.enter_context(Registry(host, login, timeout=10))
        try:
            yield self._known[host]
        except ImageUnavailable as error:
            if isinstance(error.__cause__, OSError):  # and no status
                self._silent.add(host)
            raise
