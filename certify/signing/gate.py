"""The decision whether an image may be run, from a list or from attached statements. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from certify.model.clock import is_ahead
from certify.model.platform import normalize_platform
from certify.model.revocation import find_revocation
from certify.signing.published_list import (
    LEFT_OUT,
    Hook,
    ListedImage,
    ListedRevocation,
    PublishedList,
    read,
    unreadable,
)
from certify.util.text import one_line

if TYPE_CHECKING:  # its classes take long to make, and a list needs none
    from certify.signing.statements import StatedResult

DecisionReason = Literal[
    "approved",
    "signature",  # missing, wrong, or about something else
    "replayed",  # an older list than one that was used before
    "list-expired",
    "future",  # a list or a certificate from the future: one of two clocks is wrong
    "revoked",
    "unlisted",
    "moved",  # another digest of the same repository is approved
    "platform",
    "profile",
    "expired",
    "rejected",
]


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """An image that somebody wants to run, and what for."""

    name: str
    """``registry/repository``."""
    digest: str
    """The digest of an index or of a manifest."""
    platform: str
    profile: str
    manifest: str | None = None
    """The digest of this platform's manifest in the index, if it was looked up: it may be revoked
    although no certificate names it."""

    def is_for(self, platform: str) -> bool:
        """Return True if a platform is the wanted one, however it is spelled."""
        return normalize_platform(platform) == normalize_platform(self.platform)


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer of the gate, with a reason for programs and a text of one line."""

    reason: DecisionReason
    text: str
    entry: ListedImage | StatedResult | None = None
    """The entry or statement that decided."""

    @property
    def approved(self) -> bool:
        """True if the image may be run."""
        return self.reason == "approved"


def leave_out_others(requests: Iterable[ImageRequest]) -> Hook:
    """Return a hook for :meth:`PublishedList.parse` that leaves out what decides on no request."""
    digests = {each.digest for each in requests}
    names = {each.name for each in requests}

    def hook(found: dict[str, Any]) -> dict[str, Any]:
        if "repository" not in found:  # the list itself, or a revocation
            return found
        try:
            asked_for = (
                found.get("digest") in digests
                or found.get("manifest_digest") in digests
                or f"{found.get('registry')}/{found['repository']}" in names
            )
        except TypeError:  # a digest that is no text
            return found
        return found if asked_for else LEFT_OUT

    return hook


def decide_from_list(
    requests: Sequence[ImageRequest], listed: PublishedList, now: datetime
) -> list[Decision]:
    """Decide on each request from a list. Raises :class:`ListUnavailable` for an invalid entry."""
    try:
        revoked = [read(ListedRevocation, each) for each in listed.revoked]
        entries = [
            [
                read(ListedImage, each)
                for each in listed.images
                if request.digest in (each.get("digest"), each.get("manifest_digest"))
            ]
            for request in requests
        ]
    except ValueError as error:
        raise unreadable("the list of approved images", error) from error
    unusable = None
    if now >= listed.head.expires_at:
        text = f"the list itself expired {_at(listed.head.expires_at)}"
        unusable = Decision("list-expired", text)
    elif is_ahead(listed.head.published_at, now):
        text = f"the list is of the future: {_at(listed.head.published_at)}"
        unusable = Decision("future", text)
    return [
        unusable or _decide_on_entries(request, same, revoked, listed, now)
        for request, same in zip(requests, entries, strict=True)
    ]


def _decide_on_entries(
    request: ImageRequest,
    same: Sequence[ListedImage],
    revoked: Sequence[ListedRevocation],
    listed: PublishedList,
    now: datetime,
) -> Decision:
    """Decide from the entries that have the wanted digest, in whatever repository."""
    if revocation := _revocation(request, same, revoked):
        return Decision("revoked", f"revoked: {one_line(revocation.reason)}")
    same = [each for each in same if f"{each.registry}/{each.repository}" == request.name]
    same.sort(key=lambda each: each.expires_at)  # of two tags of one image, the later counts
    if not any(request.is_for(each.platform) for each in same):
        held = (each.reason for each in revoked if request.digest in each.indexes)
        if reason := next(held, None):
            text = f"a manifest in this index is revoked: {one_line(reason)}"
            return Decision("revoked", text)
    if not same:
        return _unlisted(request, listed.images)
    return _decide(request, same, now, "approved")


def decide_from_statements(
    request: ImageRequest, statements: Iterable[StatedResult], now: datetime
) -> Decision:
    """Decide from verified statements: the newest counts, but a revocation until it is lifted.

    Statements about the image's manifest for this platform, or about an index that holds it,
    count, too.
    """
    by_age = sorted(statements, key=lambda each: each.certified_at)
    digests = equivalent_digests(request, by_age)
    latest = {digest: each for each in by_age if each.about_revocation for digest in each.subjects}
    for digest in sorted(digests | {request.manifest or request.digest}):
        if digest in latest and (reason := latest[digest].revoked) is not None:
            return Decision("revoked", f"revoked: {one_line(reason)}", latest[digest])
    results = [each for each in by_age if not each.about_revocation]
    same = [each for each in results if not digests.isdisjoint(each.subjects)]
    if not same:
        return Decision("unlisted", "nothing is attached to it that the key has signed")
    return _decide(request, same, now, "certified")


def equivalent_digests(request: ImageRequest, statements: Iterable[StatedResult]) -> set[str]:
    """Return the image's digest, and those that statements tie to it for the same platform."""
    about = (each for each in statements if request.digest in each.subjects)
    tied = (each.subjects for each in about if request.is_for(each.platform))
    return {request.digest}.union(*tied)


def _decide(
    request: ImageRequest,
    same: Sequence[ListedImage | StatedResult],
    now: datetime,
    participle: str,
) -> Decision:
    """Decide from the entries of this image: the last one for its platform and profile counts."""
    fitting = [each for each in same if request.is_for(each.platform)]
    if not fitting:
        others = one_line(", ".join(sorted({each.platform for each in same})))
        return Decision("platform", f"{participle} for {others}, not for {request.platform}")
    found = next((each for each in reversed(fitting) if each.profile == request.profile), None)
    if found is None:
        others = one_line(", ".join(sorted({each.profile for each in fitting})))
        return Decision("profile", f"{participle} for {others}, not for {request.profile}")
    if not isinstance(found, ListedImage) and found.result == "FAILED":
        return Decision("rejected", f"rejected for {found.profile} {_at(found.certified_at)}")
    if is_ahead(found.certified_at, now):
        text = f"certified {_at(found.certified_at)}, which is yet to come: compare the clocks"
        return Decision("future", text, found)
    if now >= found.expires_at:
        return Decision("expired", f"its certificate expired {_at(found.expires_at)}", found)
    grade = f"{found.grade} " if found.grade else ""
    text = f"{grade}for {found.profile} on {found.platform}, until {found.expires_at:%Y-%m-%d}"
    return Decision("approved", text, found)


def _revocation(
    request: ImageRequest, same: Sequence[ListedImage], revoked: Sequence[ListedRevocation]
) -> ListedRevocation | None:
    """Return the revocation of the digest itself, or of the platform's entry for it.

    Another platform's manifest in the same index may well be revoked.
    """
    own = next((each for each in revoked if each.digest == request.digest), None)
    fitting = (each for each in same if request.is_for(each.platform))
    listed = (find_revocation(each.digest, each.manifest_digest, revoked) for each in fitting)
    return own or next(filter(None, listed), None)


def _unlisted(request: ImageRequest, images: Sequence[dict[str, Any]]) -> Decision:
    listed = {
        digest
        for each in images
        if f"{each.get('registry')}/{each.get('repository')}" == request.name
        and isinstance(digest := each.get("digest"), str)
    }
    if not listed:
        return Decision("unlisted", f"nothing of {request.name} is on the list")
    others = ", ".join(one_line(each[:19], 19) + "…" for each in sorted(listed)[:3])
    return Decision("moved", f"this digest is not on the list; of {request.name} it has {others}")


def _at(moment: datetime) -> str:
    return f"on {moment:%Y-%m-%d at %H:%M} UTC"
