"""Attestations in the registry, attached to the image that they are about."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from certify.model.errors import NoSuchImage, NotBelieved, Trouble
from certify.registry.client import Descriptor, Registry
from certify.registry.referrers import Artifact, Referrers
from certify.registry.tokens import Credentials
from certify.signing.envelope import BUNDLE_TYPE, Bundle
from certify.signing.gate import Question, alike
from certify.signing.keys import Public
from certify.signing.statements import TEST_RESULT, Certificate, certificate

PREDICATE = "dev.sigstore.bundle.predicateType"
CREATED = "org.opencontainers.image.created"
SETTLE = 0.3
"""Seconds after which another publisher who was at it at the same moment has written, too."""
ROUNDS = 6
AT_ONCE = 8
"""Repositories to which things are attached at the same time."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """One bundle, and the image that it goes to."""

    registry: str
    repository: str
    digest: str
    bundle: bytes
    created: str
    """RFC 3339: when what it says was found out."""
    key: Public
    """Whose word it is."""
    if_there: bool = False
    """Whether there is nothing to attach to, and nothing wrong, once the image is gone."""

    @property
    def artifact(self) -> Artifact:
        """As it is pushed: the same for the same bundle."""
        annotations = (
            ("dev.sigstore.bundle.content", "dsse-envelope"),
            (PREDICATE, TEST_RESULT),
            (CREATED, self.created),
        )
        return Artifact(BUNDLE_TYPE, self.bundle, annotations)


def attach_all(
    attachments: Iterable[Attachment], referrers: Callable[[str, str], Referrers]
) -> int:
    """Attach each to its image, unless the same is attached already; how many were new.

    ``referrers`` is asked for those of a registry and repository. Where the registry itself
    keeps no list of referrers, publishers at work at the same moment can overwrite each other's:
    what was attached is looked for again a little later, until it stays.
    Raises :class:`ImageUnavailable` for what keeps a registry from it.
    """
    new = unsettled = [
        each for each in attachments if _attach(referrers(each.registry, each.repository), each)
    ]
    for turn in range(ROUNDS):
        if not unsettled:
            break
        time.sleep(SETTLE * (1 + random.random()) * (turn + 1))  # noqa: S311
        unsettled = [
            each for each in unsettled if _attach(referrers(each.registry, each.repository), each)
        ]
    return len(new)


def attach_everywhere(
    found: Iterable[Attachment], credentials: Credentials
) -> tuple[int, list[Trouble]]:
    """Attach to images in all their registries, several repositories at a time.

    How many were new, and what went wrong: one registry's trouble keeps nothing from the others.
    """
    groups: dict[tuple[str, str], list[Attachment]] = {}
    for each in found:
        groups.setdefault((each.registry, each.repository), []).append(each)

    def attached(group: list[Attachment]) -> int | Trouble:
        host, repository = group[0].registry, group[0].repository
        try:
            with Registry(host, credentials) as registry:
                return attach_all(group, lambda _host, name: Referrers(registry, name))
        except Trouble as error:
            message = f"nothing could be attached to {host}/{repository}: {error.message}"
            return type(error)(message, remedy=error.remedy, fault=error.fault)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = list(pool.map(attached, groups.values()))
    troubles = [each for each in done if isinstance(each, Trouble)]
    return sum(each for each in done if isinstance(each, int)), troubles


def stated(referrers: Referrers, digest: str, key: Public) -> Sequence[Certificate]:
    """What is attached to a digest, is about it, and was signed with the key.

    Raises :class:`NotBelieved` with the reason if things are attached and none of them
    is so, and :class:`ImageUnavailable` if the registry does not answer.
    """
    believed: list[Certificate] = []
    doubt: NotBelieved | None = None
    for descriptor in referrers.descriptors(digest, BUNDLE_TYPE):
        try:
            found = certificate(_bundle(referrers, descriptor).statement(key))
            if digest not in found.subjects:
                raise NotBelieved("what is attached to it is about another image")
            believed.append(found)
        except NotBelieved as error:
            doubt = error
    if doubt is not None and not believed:
        raise doubt
    return believed


def stated_of(asked: Question, referrers: Referrers, key: Public) -> Sequence[Certificate]:
    """What the key has signed of an image, and of its index or manifest; raises as `stated`."""
    found = list(stated(referrers, asked.digest, key))
    others = alike(asked, found) | {asked.manifest or asked.digest}
    for other in others - {asked.digest}:
        with contextlib.suppress(NotBelieved):  # of nobody's word there nothing follows here
            found += stated(referrers, other, key)
    return found


def _attach(referrers: Referrers, wanted: Attachment) -> bool:
    mine = Bundle.parse(wanted.bundle)
    for descriptor in referrers.descriptors(wanted.digest, BUNDLE_TYPE):
        if _may_be(descriptor, wanted):
            try:
                there = _bundle(referrers, descriptor)
                there.statement(wanted.key)
            except NotBelieved:
                continue  # also one like it that somebody broke, to keep the right one away
            # Signing the same twice gives two signatures, which say no more than one.
            if there.payload == mine.payload:
                return False
    try:
        return referrers.attach(wanted.digest, wanted.artifact)
    except NoSuchImage:
        if wanted.if_there:
            return False
        raise


def _may_be(descriptor: Descriptor, wanted: Attachment) -> bool:
    """Whether what is attached may be of the same moment, so that it is worth a look."""
    notes = descriptor.get("annotations")
    return not isinstance(notes, dict) or notes.get(CREATED, wanted.created) == wanted.created


def _bundle(referrers: Referrers, descriptor: Descriptor) -> Bundle:
    content = referrers.read(descriptor, BUNDLE_TYPE)
    if content is None:
        raise NotBelieved("what is attached to it is no Sigstore bundle")
    return Bundle.parse(content)
