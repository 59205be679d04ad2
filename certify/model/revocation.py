"""What is revoked, and under which other digests it could be run all the same. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from certify.model.approved import Approved, ApprovedList, Revocation
from certify.model.result import Reason, Result, Verdict
from certify.model.terms import Status


class Indexes:
    """Which indexes hold which manifests, as far as anybody has seen."""

    def __init__(self, before: ApprovedList | None) -> None:
        self._holding: dict[str, set[str]] = {}
        for listed in before.images if before else ():
            self.see(listed.manifest_digest, listed.digest)
        for stood in before.revoked if before else ():
            for index in stood.indexes:
                self.see(stood.digest, index)

    def see(self, manifest: str | None, index: str | None) -> None:
        """Learn the digests by which one image goes; nothing, if there is but one."""
        if manifest and index and manifest != index:
            self._holding.setdefault(manifest, set()).add(index)

    def named_in(self, revoked: Iterable[Revocation]) -> tuple[Revocation, ...]:
        """The revocations, each with the indexes that hold what it revokes."""
        return tuple(
            each.model_copy(update={"indexes": tuple(sorted(self._holding.get(each.digest, ())))})
            for each in revoked
        )


def revoked(
    recorded: Iterable[Revocation], known: Collection[str], before: ApprovedList | None
) -> list[Revocation]:
    """What the ledger says; and what only the list before knows, should the ledger be a new one.

    ``known`` are all digests that this ledger ever had revoked, those lifted since too.
    """
    found = {each.digest: each for each in recorded}
    for each in before.revoked if before else ():
        if each.digest not in known:
            found[each.digest] = each
    return [found[digest] for digest in sorted(found)]


def stopped(
    digest: str | None, manifest: str | None, revoked: Iterable[Revocation]
) -> Revocation | None:
    """The revocation that keeps an image from being run: of its own digest, or of its manifest.

    Where nobody knew the manifest, it may be any that the index holds; then ``manifest`` is
    null, or, in lists of older versions, the same as ``digest``.
    """
    vague = manifest in (None, digest)
    mine = (digest, manifest)
    about = (each for each in revoked if each.digest in mine or (vague and digest in each.indexes))
    return next(about, None)


def parted(
    images: Iterable[Approved], revoked: Sequence[Revocation]
) -> tuple[list[Approved], dict[tuple[str, str, str], str]]:
    """Those of the images that are not revoked, and why the others are, by their names."""
    stay: list[Approved] = []
    gone: dict[tuple[str, str, str], str] = {}
    for image in images:
        by = stopped(image.digest, image.manifest_digest, revoked)
        if by is None:
            stay.append(image)
        else:
            gone[image.name] = f"revoked: {by.reason}"
    return stay, gone


def as_revoked(result: Result, revoked: Iterable[Revocation]) -> Result:
    """What is shown for an image: of one that is among the revoked, a rejection that says so."""
    by = stopped(result.image.digest, result.image.manifest_digest, revoked)
    if by is None:
        return result
    remedy = "`certify revoke --lift` ends it, if it was in error."
    reason = Reason(check=None, text=f"revoked: {by.reason}", remedy=remedy)
    verdict = Verdict(status=Status.REJECTED, reasons=(reason, *result.verdict.reasons))
    return result.model_copy(update={"verdict": verdict})
