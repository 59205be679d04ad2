"""Revoked images: which images a revocation covers, by any of their digests. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from certify.model.result_key import ResultKey
from certify.model.terms import Status

if TYPE_CHECKING:  # these classes take long to make, and a gate needs none of them
    from certify.model.approved import Approved, ApprovedList, Revocation
    from certify.model.result import Result


class Covering(Protocol):
    """A revocation that covers images: of a ledger, or of a list as a gate reads it."""

    @property
    def digest(self) -> str:
        """The digest that is revoked."""

    @property
    def indexes(self) -> tuple[str, ...]:
        """The known indexes that hold it."""


C = TypeVar("C", bound=Covering)


class Indexes:
    """The indexes known to hold a manifest; starts with those of an earlier list."""

    def __init__(self, before: ApprovedList | None) -> None:
        self._holding: dict[str, set[str]] = {}
        for listed in before.images if before else ():
            self.add(listed.manifest_digest, listed.digest)
        for revocation in before.revoked if before else ():
            for index in revocation.indexes:
                self.add(revocation.digest, index)

    def add(self, manifest: str | None, index: str | None) -> None:
        """Add an index that holds a manifest; unless both are known and differ, do nothing."""
        if manifest and index and manifest != index:
            self._holding.setdefault(manifest, set()).add(index)

    def complete(self, revocations: Iterable[Revocation]) -> tuple[Revocation, ...]:
        """Return the revocations, each with all known indexes that hold its manifest."""
        return tuple(
            each.model_copy(update={"indexes": tuple(sorted(self._holding.get(each.digest, ())))})
            for each in revocations
        )


def merge_revocations(
    recorded: Iterable[Revocation], known: Collection[str], before: ApprovedList | None
) -> list[Revocation]:
    """Return the revocations of a ledger, and those that only an earlier list has.

    A new ledger may lack them. ``known`` are all digests ever revoked in this ledger: where one
    was lifted, the list's revocation no longer counts.
    """
    found = {each.digest: each for each in recorded}
    for each in before.revoked if before else ():
        if each.digest not in known:
            found[each.digest] = each
    return [found[digest] for digest in sorted(found)]


def find_revocation(digest: str | None, manifest: str | None, revoked: Collection[C]) -> C | None:
    """Return the revocation that covers an image, by its digest or its manifest's, or None.

    An unknown manifest may be any that the index holds. It is None, or, in lists of older
    versions, the same as ``digest``.
    """
    if not revoked:  # as in most ledgers
        return None
    unknown = manifest in (None, digest)
    mine = (digest, manifest)
    covering = (
        each for each in revoked if each.digest in mine or (unknown and digest in each.indexes)
    )
    return next(covering, None)


def split_revoked(
    images: Iterable[Approved], revoked: Sequence[Revocation]
) -> tuple[list[Approved], dict[ResultKey, str]]:
    """Return the images that are not revoked, and the reasons for the others by their keys."""
    remaining: list[Approved] = []
    removed: dict[ResultKey, str] = {}
    for image in images:
        revocation = find_revocation(image.digest, image.manifest_digest, revoked)
        if revocation is None:
            remaining.append(image)
        else:
            removed[image.key] = f"revoked: {revocation.reason}"
    return remaining, removed


def reject_if_revoked(result: Result, revoked: Collection[Revocation]) -> Result:
    """Return the result as people see it: rejected, with the reason, if its image is revoked."""
    revocation = find_revocation(result.image.digest, result.image.manifest_digest, revoked)
    if revocation is None:
        return result
    from certify.model.result import Reason, Verdict  # noqa: PLC0415 - as above

    remedy = "If the image was revoked in error, `certify revoke --lift` ends that."
    reason = Reason(check=None, text=f"revoked: {revocation.reason}", remedy=remedy)
    verdict = Verdict(status=Status.REJECTED, reasons=(reason, *result.verdict.reasons))
    return result.model_copy(update={"verdict": verdict, "hosts": ()})
