"""What ``certify verify`` asks of registries; imported only then, for it takes a while."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from certify.model.errors import NotBelieved
from certify.model.reference import Reference
from certify.registry.client import Registry
from certify.registry.credentials import login
from certify.registry.referrers import Referrers
from certify.signing.attachments import stated_of
from certify.signing.gate import Decision, Question, Why, answer_attached
from certify.signing.keys import Public


def digest_of(reference: Reference) -> str:
    """The digest that a tag leads to now."""
    with Registry(reference.registry, login, timeout=10) as registry:
        return registry.digest(reference.repository, reference.tag or "")


def answer_from(reference: Reference, asked: Question, key: Public) -> Decision:
    """What is attached to an image says of it, as far as it was signed with the key."""
    with Registry(reference.registry, login, timeout=10) as registry:
        repository = reference.repository
        manifest = registry.manifest_digest(repository, asked.digest, asked.platform)
        asked = replace(asked, manifest=manifest)
        try:
            found = stated_of(asked, Referrers(registry, repository), key)
        except NotBelieved as error:
            return Decision(Why.SIGNATURE, error.message)
    return answer_attached(asked, found, datetime.now(UTC))
