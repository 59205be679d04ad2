"""Signed statements attached to images in their registries."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from certify.model.errors import NoSuchImage, NotBelieved, Trouble
from certify.registry.client import Registry
from certify.registry.manifests import Descriptor
from certify.registry.referrers import Artifact, Referrers
from certify.registry.tokens import Credentials
from certify.signing.envelope import BUNDLE_TYPE, Bundle
from certify.signing.gate import ImageRequest, equivalent_digests
from certify.signing.keys import PublicKey
from certify.signing.statements import TEST_RESULT, StatedResult, parse_statement

PREDICATE = "dev.sigstore.bundle.predicateType"
CREATED = "org.opencontainers.image.created"
SETTLE = 0.3
"""Seconds, at least, in which another publisher at the same moment finishes writing, too."""
ROUNDS = 6
"""The most times that attachments are checked, and repeated where they are lost."""
AT_ONCE = 8
"""The number of repositories to attach to at the same time."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """One bundle, and the image to attach it to."""

    registry: str
    repository: str
    digest: str
    read: Callable[[], bytes]
    """Reads the bundle: those of many images are not in memory at once."""
    created: str
    """The moment of the result or revocation, in RFC 3339."""
    key: PublicKey
    """The key that verifies the bundle."""
    missing_ok: bool = False
    """True if it is no error that the image is gone: then nothing is attached."""

    @property
    def bundle(self) -> bytes:
        """The bundle."""
        return self.read()

    @property
    def artifact(self) -> Artifact:
        """The artifact to push, equal for equal bundles."""
        annotations = (
            ("dev.sigstore.bundle.content", "dsse-envelope"),
            (PREDICATE, TEST_RESULT),
            (CREATED, self.created),
        )
        return Artifact(BUNDLE_TYPE, self.bundle, annotations)


def attach_all(
    attachments: Iterable[Attachment], referrers: Callable[[str, str], Referrers]
) -> int:
    """Attach what is not attached yet, and return how many were new.

    ``referrers`` returns those of a registry and repository. In a registry without a list of its
    own, publishers at the same moment can overwrite each other's: so each attachment is looked
    for again a little later, and repeated until it stays.
    Raises :class:`ImageUnavailable` if a registry does not take one.
    """

    def missing(those: Iterable[Attachment]) -> list[Attachment]:
        return [each for each in those if _attach(referrers(each.registry, each.repository), each)]

    new = unsettled = missing(attachments)
    for turn in range(ROUNDS):
        if not unsettled:
            break
        time.sleep(SETTLE * (1 + random.random()) * (turn + 1))  # noqa: S311
        unsettled = missing(unsettled)
    return len(new)


def attach_to_registries(
    attachments: Iterable[Attachment], credentials: Credentials
) -> tuple[int, list[Trouble]]:
    """Attach to images in all their registries, several repositories at a time.

    Return how many were new, and the errors; one of a repository does not keep the others.
    """
    groups: dict[tuple[str, str], list[Attachment]] = {}
    for each in attachments:
        groups.setdefault((each.registry, each.repository), []).append(each)

    def attach(group: list[Attachment]) -> int | Trouble:
        host, repository = group[0].registry, group[0].repository
        try:
            with Registry(host, credentials) as registry:
                return attach_all(group, lambda _host, name: Referrers(registry, name))
        except Trouble as error:
            message = f"nothing could be attached to {host}/{repository}: {error.message}"
            return type(error)(message, remedy=error.remedy, fault=error.fault)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = list(pool.map(attach, groups.values()))
    troubles = [each for each in done if isinstance(each, Trouble)]
    return sum(each for each in done if isinstance(each, int)), troubles


def read_statements(referrers: Referrers, digest: str, key: PublicKey) -> Sequence[StatedResult]:
    """Return the statements about a digest that are attached to it and signed with the key.

    Raises :class:`NotBelieved`, with the reason, if there are attachments but no such statement,
    and :class:`ImageUnavailable` if the registry does not answer.
    """
    verified: list[StatedResult] = []
    doubt: NotBelieved | None = None
    for descriptor in referrers.descriptors(digest, BUNDLE_TYPE):
        try:
            found = parse_statement(_bundle(referrers, descriptor).verify(key))
            if digest not in found.subjects:
                raise NotBelieved("what is attached to it is about another image")
            verified.append(found)
        except NotBelieved as error:
            doubt = error
    if doubt is not None and not verified:
        raise doubt
    return verified


def read_statements_of_image(
    request: ImageRequest, referrers: Referrers, key: PublicKey
) -> Sequence[StatedResult]:
    """Return the statements about an image, its index or manifest; raise as `read_statements`."""
    found = list(read_statements(referrers, request.digest, key))
    others = equivalent_digests(request, found) | {request.manifest or request.digest}
    for other in others - {request.digest}:
        with contextlib.suppress(NotBelieved):  # others' statements change nothing here
            found += read_statements(referrers, other, key)
    return found


def _attach(referrers: Referrers, wanted: Attachment) -> bool:
    """Attach unless it is attached already; return True if it was not."""
    payload = Bundle.parse(wanted.bundle).payload
    for descriptor in referrers.descriptors(wanted.digest, BUNDLE_TYPE):
        if _may_be(descriptor, wanted):
            try:
                present = _bundle(referrers, descriptor)
                present.verify(wanted.key)
            except NotBelieved:
                continue  # perhaps a broken copy, made to keep the right one away
            # The same signed twice has two signatures, but says no more.
            if present.payload == payload:
                return False
    try:
        return referrers.attach(wanted.digest, wanted.artifact)
    except NoSuchImage:
        if wanted.missing_ok:
            return False
        raise


def _may_be(descriptor: Descriptor, wanted: Attachment) -> bool:
    """Return True if an attached artifact may be of the same moment, so that it must be read."""
    notes = descriptor.get("annotations")
    return not isinstance(notes, dict) or notes.get(CREATED, wanted.created) == wanted.created


def _bundle(referrers: Referrers, descriptor: Descriptor) -> Bundle:
    content = referrers.read(descriptor, BUNDLE_TYPE)
    if content is None:
        raise NotBelieved("what is attached to it is no Sigstore bundle")
    return Bundle.parse(content)
