"""The parts of ``certify verify`` that need a registry; imported only then, to start quickly."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from certify.model.errors import NotBelieved
from certify.model.reference import Reference
from certify.registry.client import Registry
from certify.registry.credentials import login
from certify.registry.referrers import Referrers
from certify.signing.attachments import read_statements_of_image
from certify.signing.gate import Decision, ImageRequest, decide_from_statements
from certify.signing.keys import PublicKey


def resolve_tag(reference: Reference) -> str:
    """Return the digest that the tag leads to now."""
    with Registry(reference.registry, login, timeout=10) as registry:
        return registry.digest(reference.repository, reference.tag or "")


def decide(reference: Reference, request: ImageRequest, key: PublicKey) -> Decision:
    """Decide from the statements that are attached to the image and signed with the key."""
    with Registry(reference.registry, login, timeout=10) as registry:
        repository = reference.repository
        manifests = registry.manifest_digests(repository, request.digest, request.platform)
        request = replace(request, manifest=manifests[0] if len(manifests) == 1 else None)
        try:
            found = read_statements_of_image(request, Referrers(registry, repository), key)
        except NotBelieved as error:
            return Decision("signature", error.message)
    return decide_from_statements(request, found, datetime.now(UTC))
