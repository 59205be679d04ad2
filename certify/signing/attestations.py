"""The signed files of a publication: one for each certificate, and one for the list."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from certify.model.approved import ApprovedList, Revocation
from certify.model.clock import rfc3339
from certify.model.errors import NotBelieved
from certify.model.file_names import certificate_stem
from certify.model.reference import Reference
from certify.model.result import Result
from certify.model.revocation import find_revocation
from certify.signing.attachments import Attachment
from certify.signing.envelope import Bundle, sign
from certify.signing.keys import PrivateKey, PublicKey, key_id
from certify.signing.statements import (
    TEST_RESULT,
    list_statement,
    result_statement,
    revocation_statement,
)
from certify.signing.subjects import subject_digests

FOLDER = "attestations"
"""The folder below the reports for signed statements about results."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs with one key; a statement that it signed before keeps its signature."""

    key: PrivateKey
    previous: Callable[[str], bytes | None]
    """A function that returns what a file below the reports holds now; None without a file."""

    def sign(self, name: str, statement: bytes) -> bytes:
        """Return the bundle for a file: the present one if this key signed the same statement."""
        old = self.previous(name)
        if old is not None:
            try:
                bundle = Bundle.parse(old)
                public = self.key.public_key()
                if bundle.payload == statement and bundle.keyid == key_id(public):
                    bundle.verify(public)
                    return old
            except NotBelieved:
                pass  # another key's, or broken
        return sign(statement, self.key)

    def sign_list(self, digest: str, listed: ApprovedList, name: str) -> tuple[str, bytes]:
        """Return name and content of the file that signs a list whose file has this digest."""
        signature = name.removesuffix(".json") + ".sigstore.json"
        return signature, self.sign(signature, list_statement(digest, listed, name))

    def sign_results(self, results: Iterable[Result]) -> dict[str, bytes]:
        """Return files, by their names below the reports, for all results with a statement."""
        statements = ((_file_name(result), result_statement(result)) for result in results)
        return {name: self.sign(name, each) for name, each in statements if each is not None}


def result_attachments(
    results: Iterable[Result], files: dict[str, bytes], key: PublicKey
) -> list[Attachment]:
    """Return an attachment of each result's bundle to the index and to the platform's manifest."""
    found = []
    for result in results:
        bundle = files.get(_file_name(result))
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


def revocation_attachment(
    revocation: Revocation,
    registry: str,
    repository: str,
    key: PrivateKey,
    *,
    lifted: datetime | None = None,
    missing_ok: bool = False,
) -> Attachment:
    """Return an attachment that revokes an image in one repository, or lifts the revocation."""
    bundle = sign(revocation_statement(revocation, lifted=lifted), key)
    created = rfc3339(lifted or revocation.revoked_at)
    return Attachment(
        registry, repository, revocation.digest, bundle, created, key.public_key(), missing_ok
    )


def without_revoked(files: Mapping[str, bytes], revoked: Sequence[Revocation]) -> dict[str, bytes]:
    """Return the bundles, by file name, that are not about a revoked image."""
    return {name: bundle for name, bundle in files.items() if not _revocation(bundle, revoked)}


def with_revocations(
    attachments: Iterable[Attachment], revoked: Sequence[Revocation], key: PrivateKey
) -> list[Attachment]:
    """Return the attachments, with revocations instead of those of revoked images.

    A revocation is attached wherever its image was certified, and where it was named.
    """
    references = ((each, Reference.parse(each.reference)) for each in revoked)
    places = {(each.digest, at.registry, at.repository): each for each, at in references}
    remaining = []
    for each in attachments:
        revocation = _revocation(each.bundle, revoked)
        if revocation is None:
            remaining.append(each)
        else:
            places[revocation.digest, each.registry, each.repository] = revocation
    revocations = [
        revocation_attachment(revocation, registry, repository, key, missing_ok=True)
        for (_, registry, repository), revocation in places.items()
    ]
    return revocations + remaining


def _file_name(result: Result) -> str:
    return f"{FOLDER}/{certificate_stem(result)}.sigstore.json"


def _revocation(bundle: bytes, revoked: Sequence[Revocation]) -> Revocation | None:
    """Return the revocation of the image that a bundle is about, whoever signed it."""
    if not revoked:
        return None
    try:
        digests = subject_digests(json.loads(Bundle.parse(bundle).payload), TEST_RESULT)
        return find_revocation(digests[0], digests[-1], revoked)
    except (NotBelieved, ValueError, AttributeError, IndexError, RecursionError):
        return None  # a broken bundle, on which nobody relies
