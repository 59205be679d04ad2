"""The signed files of a publication: one for each certificate, and one for the list."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from certify.model.approved import ApprovedList, Revocation
from certify.model.errors import NotBelieved
from certify.model.file_names import certificate_stem
from certify.model.reference import Reference
from certify.model.result import Result
from certify.model.revocation import find_revocation
from certify.signing.attachments import Attachment
from certify.signing.envelope import Bundle, sign
from certify.signing.keys import Private, Public, key_id
from certify.signing.statements import (
    TEST_RESULT,
    about_list,
    about_result,
    about_revocation,
    rfc3339,
    subjects,
)

FOLDER = "attestations"


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs with one key; what was signed before stays as it is."""

    key: Private
    before: Callable[[str], bytes | None]
    """Gives what a file below the reports held so far, or null."""

    def sign(self, name: str, statement: bytes) -> bytes:
        """The bundle for a file: the one that is there, if it says the same by the same key."""
        old = self.before(name)
        if old is not None:
            try:
                bundle = Bundle.parse(old)
                public = self.key.public_key()
                if bundle.payload == statement and bundle.keyid == key_id(public):
                    bundle.statement(public)
                    return old
            except NotBelieved:
                pass  # somebody else's, or broken: it is written anew
        return sign(statement, self.key)

    def of_list(self, raw: bytes, listed: ApprovedList, name: str) -> tuple[str, bytes]:
        """Name and content of the file that signs a list, of which ``raw`` are all bytes."""
        signature = name.removesuffix(".json") + ".sigstore.json"
        return signature, self.sign(signature, about_list(raw, listed, name))

    def of_results(self, results: Iterable[Result]) -> dict[str, bytes]:
        """Names below the reports, and contents, for all results that can be stated."""
        statements = ((result, about_result(result)) for result in results)
        names = {
            f"{FOLDER}/{certificate_stem(result)}.sigstore.json": statement
            for result, statement in statements
            if statement is not None
        }
        return {name: self.sign(name, statement) for name, statement in names.items()}


def attachments(
    results: Iterable[Result], files: dict[str, bytes], key: Public
) -> list[Attachment]:
    """What goes to the registries: each bundle to the index and to the platform's manifest."""
    found = []
    for result in results:
        bundle = files.get(f"{FOLDER}/{certificate_stem(result)}.sigstore.json")
        image = result.image
        if bundle is None or not image.registry or not image.repository:
            continue
        created = result.model_dump(mode="json", include={"finished_at"})["finished_at"]
        found += [
            Attachment(image.registry, image.repository, digest, bundle, created, key)
            for digest in dict.fromkeys((image.digest, image.manifest_digest))
            if digest
        ]
    return found


def attachment_of(
    revocation: Revocation,
    registry: str,
    repository: str,
    key: Private,
    *,
    lifted: datetime | None = None,
    if_there: bool = False,
) -> Attachment:
    """What tells in a repository that an image is revoked, or, since ``lifted``, no more."""
    bundle = sign(about_revocation(revocation, lifted=lifted), key)
    created = rfc3339(lifted or revocation.revoked_at)
    return Attachment(
        registry, repository, revocation.digest, bundle, created, key.public_key(), if_there
    )


def in_force(files: Mapping[str, bytes], revoked: Sequence[Revocation]) -> dict[str, bytes]:
    """The bundles, by the names of their files, that are not about a revoked image."""
    return {name: bundle for name, bundle in files.items() if _stopped(bundle, revoked) is None}


def attachable(
    found: Iterable[Attachment], revoked: Sequence[Revocation], key: Private
) -> list[Attachment]:
    """What may be attached: of a revoked image that it is, wherever it was certified or named."""
    references = ((each, Reference.parse(each.reference)) for each in revoked)
    places = {(each.digest, at.registry, at.repository): each for each, at in references}
    certificates = []
    for each in found:
        by = _stopped(each.bundle, revoked)
        if by is None:
            certificates.append(each)
        else:
            places[by.digest, each.registry, each.repository] = by
    turns = [
        attachment_of(by, registry, repository, key, if_there=True)
        for (_, registry, repository), by in places.items()
    ]
    return turns + certificates


def _stopped(bundle: bytes, revoked: Sequence[Revocation]) -> Revocation | None:
    """The revocation of the image that a bundle is about, whoever signed it."""
    if not revoked:
        return None
    try:
        digests = subjects(json.loads(Bundle.parse(bundle).payload), TEST_RESULT)
        return find_revocation(digests[0], digests[-1], revoked)
    except (NotBelieved, ValueError, AttributeError, IndexError, RecursionError):
        return None  # broken, so that nobody relies on it
