"""The signed files of a publication: one for each certificate, and one for the list."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from certify.model.approved import ApprovedList, Revocation
from certify.model.clock import rfc3339
from certify.model.errors import NotBelieved
from certify.model.file_names import Layout, certificate_stem
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


@dataclass(slots=True)
class Attestations:
    """The signed certificates of a publication, each of which is made when it is written."""

    signer: Signer
    revoked: Sequence[Revocation]
    folder: Path
    """The folder below which the files of this publication stay."""
    layout: Layout = "flat"
    attach: bool = False
    """True to keep what can be attached."""
    _found: list[Attachment] = field(default_factory=list)
    _places: dict[tuple[str, str, str], Revocation] = field(default_factory=dict)

    def files(self, results: Iterable[Result]) -> Iterator[tuple[str, bytes]]:
        """Yield name and bundle for each result with a statement whose image is not revoked."""
        for result in results:
            image, statement = result.image, result_statement(result)
            if statement is None:
                continue
            revocation = find_revocation(image.digest, image.manifest_digest, self.revoked)
            name = f"{FOLDER}/{certificate_stem(result, self.layout)}.sigstore.json"
            if revocation is None:
                yield name, self.signer.sign(name, statement)
            if self.attach and image.registry and image.repository:
                if revocation is None:
                    read, key = (self.folder / name).read_bytes, self.signer.key.public_key()
                    self._found += result_attachments(result, read, key)
                else:
                    place = revocation.digest, image.registry, image.repository
                    self._places[place] = revocation

    @property
    def attachments(self) -> list[Attachment]:
        """Return what can be attached once the files are written.

        A revocation is attached wherever its image was certified, and where it was named.
        """
        references = ((each, Reference.parse(each.reference)) for each in self.revoked)
        places = {(each.digest, at.registry, at.repository): each for each, at in references}
        revocations = [
            revocation_attachment(each, registry, repository, self.signer.key, missing_ok=True)
            for (_, registry, repository), each in (places | self._places).items()
        ]
        return revocations + self._found


def result_attachments(
    result: Result, read: Callable[[], bytes], key: PublicKey
) -> Iterator[Attachment]:
    """Yield attachments of a result's bundle to the index and to the platform's manifest."""
    image = result.image
    assert image.registry and image.repository
    for digest in filter(None, dict.fromkeys((image.digest, image.manifest_digest))):
        created = rfc3339(result.finished_at)
        yield Attachment(image.registry, image.repository, digest, read, created, key)


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
        registry, repository, revocation.digest, lambda: bundle, created, key.public_key(),
        missing_ok,
    )  # fmt: skip


def without_revoked(
    files: Iterable[tuple[str, bytes]], revoked: Sequence[Revocation]
) -> Iterator[tuple[str, bytes]]:
    """Yield the bundles, with their file names, that are not about a revoked image."""
    return (each for each in files if not _revocation(each[1], revoked))


def _revocation(bundle: bytes, revoked: Sequence[Revocation]) -> Revocation | None:
    """Return the revocation of the image that a bundle is about, whoever signed it."""
    if not revoked:
        return None
    try:
        digests = subject_digests(json.loads(Bundle.parse(bundle).payload), TEST_RESULT)
        return find_revocation(digests[0], digests[-1], revoked)
    except (NotBelieved, ValueError, AttributeError, IndexError, RecursionError):
        return None  # a broken bundle, on which nobody relies
