"""Publishing the approved-images list, and taking images off it at once.

From the ledger, under a policy, to files that belong together; see docs/publish.md.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from certify.approved.approval import LeftOut, approve
from certify.approved.enforcement import policy_files
from certify.approved.generation import publish as publish_files
from certify.approved.generation import publishing
from certify.approved.policy import Policy
from certify.approved.previous import CHANGELOG, LIST, Before
from certify.approved.render import Changes, changelog, changes, list_json, list_text
from certify.ledger.shown import Shown
from certify.ledger.store import Ledger
from certify.model.approved import ApprovedList, Revocation
from certify.model.errors import BadLedger, UsageError
from certify.model.result import Result
from certify.model.revocation import Indexes, parted
from certify.model.revocation import revoked as revoked_by
from certify.signing.attachments import Attachment
from certify.signing.attestations import Signer, attachable, attachments, in_force
from certify.signing.keys import Private


@dataclass(frozen=True, slots=True)
class Publication:
    """What was published."""

    listed: ApprovedList
    changed: Changes
    left: Sequence[LeftOut] = ()
    warnings: Sequence[str] = ()
    attachments: Sequence[Attachment] = ()
    """What may be attached to the images now; nothing unless it was signed."""


@dataclass(slots=True)
class _Seen:
    """What is signed of results, and learned from them, as they pass."""

    signer: Signer | None
    indexes: Indexes
    files: dict[str, bytes] = field(default_factory=dict)
    attachments: list[Attachment] = field(default_factory=list)

    def passing(self, ledger: Ledger, shown: Sequence[Shown]) -> Iterator[Result]:
        for _, result in ledger.documents(shown):
            image = result.image
            # What nobody knew this time, somebody may have known before.
            vague = image.digest is not None and image.manifest_digest is None
            for each in ledger.history(image.reference) if vague else (result,):
                self.indexes.see(each.image.manifest_digest, each.image.digest)
            if self.signer is not None:
                files = self.signer.of_results([result])
                self.files |= files
                self.attachments += attachments([result], files, self.signer.key.public_key())
            yield result


def publish(
    reports: Path,
    ledger: Ledger,
    policy: Policy,
    *,
    key: Private | None = None,
    unsigned: bool = False,
    allow_shrink: bool = False,
    dry_run: bool = False,
) -> Publication:
    """Publish what the policy approves of all that stands in the ledger.

    ``unsigned`` allows to go without a key although the list before was signed, and
    ``allow_shrink`` to lose more images than the policy lets a list lose at once. A
    ``dry_run`` finds out the same, needs no key, and writes nothing.
    Raises :class:`WouldShrink`, :class:`BadPublication`, `BadLedger`, and
    :class:`UsageError` if a key is needed; then nothing was written.
    """
    with contextlib.nullcontext() if dry_run else publishing(reports):
        before = Before.read(reports)
        before.check_key(key, unsigned=unsigned or dry_run)
        shown = ledger.shown()
        if not shown:
            raise UsageError(
                "nothing is recorded in this ledger, so there is nothing to publish",
                remedy="Run `certify sweep` first, or name another ledger with --ledger.",
            )
        now = datetime.now(UTC)
        seen = _Seen(before.signer(key), Indexes(before.listed))
        known = seen.indexes.named_in(_revoked(ledger, before))
        images, left = approve(policy, seen.passing(ledger, shown), known, now)
        # What was seen last may tell that the first of them is revoked, too.
        revoked = seen.indexes.named_in(known)
        images, gone = parted(images, revoked)
        left += [LeftOut(*name, why) for name, why in gone.items()]
        reasons = {each.name: each.reason for each in left}
        if not allow_shrink:
            before.check_shrinking(policy, images, revoked, reasons)
        listed = ApprovedList(
            sequence=before.next_number(now),
            published_at=now,
            expires_at=now + timedelta(days=policy.valid_days),
            platforms=policy.platforms,
            images=tuple(images),
            revoked=revoked,
        )
        changed = changes(before.listed, listed, reasons)
        warnings = before.other_key(key)
        if not dry_run:
            warnings += _write(before, listed, changed, in_force(seen.files, revoked), seen.signer)
    attached = [] if key is None else attachable(seen.attachments, revoked, key)
    return Publication(listed, changed, left, warnings, attached)


def revoke(
    reports: Path,
    ledger: Ledger,
    revocation: Revocation,
    *,
    lift: bool = False,
    key: Private | None = None,
    unsigned: bool = False,
) -> Publication | None:
    """Revoke an image in the ledger, and at once in the list, if one was published here.

    With ``lift`` the image may be certified and listed again; the next publication does so.
    Returns what was published, or null without a list. Raises as :func:`publish` does,
    and :class:`UsageError` if what is to be lifted is not revoked.
    """
    with publishing(reports):
        before = Before.read(reports)
        if before.listed is not None:
            before.check_key(key, unsigned=unsigned)
        digest, reason = revocation.digest, revocation.reason
        if not lift:
            ledger.revocations.add(digest, revocation.reference, reason)
        elif ledger.revocations.lift(digest, reason) is None and not before.stands(digest):
            raise UsageError(f"{digest} is not revoked, so there is nothing to lift")
        if before.listed is None:
            return None
        now = datetime.now(UTC)
        standing = _revoked(ledger, before)
        kept = [each for each in standing if not (lift and each.digest == digest)]
        revoked = _indexes(ledger, before).named_in(kept)
        images, reasons = parted(before.listed.images, revoked)
        listed = before.listed.model_copy(
            update={
                "sequence": before.next_number(now),
                "published_at": now,
                "images": tuple(images),
                "revoked": revoked,
            }
        )
        changed = changes(before.listed, listed, reasons)
        files = in_force(before.attestations, revoked)
        warnings = before.other_key(key)
        warnings += _write(before, listed, changed, files, before.signer(key))
    return Publication(listed, changed, (), warnings)


def _revoked(ledger: Ledger, before: Before) -> list[Revocation]:
    return revoked_by(ledger.revocations.all(), ledger.revocations.known(), before.listed)


def _indexes(ledger: Ledger, before: Before) -> Indexes:
    """What list and ledger know of indexes; a ledger that cannot be read holds nothing up."""
    seen = _Seen(None, Indexes(before.listed))
    with contextlib.suppress(BadLedger):
        for _ in seen.passing(ledger, ledger.shown()):
            pass
    return seen.indexes


def _write(
    before: Before,
    listed: ApprovedList,
    changed: Changes,
    attestations: dict[str, bytes],
    signer: Signer | None,
) -> list[str]:
    policies, warnings = policy_files(listed)
    raw = list_json(listed).encode()
    files: dict[str, str | bytes] = {
        LIST: raw,
        "approved-images.txt": list_text(listed),
        CHANGELOG: changelog(listed, changed, before.changelog),
        **{f"policies/{name}": text for name, text in policies.items()},
        **attestations,
    }
    if signer is not None:
        files.update([signer.of_list(raw, listed, LIST)])
    publish_files(before.reports, listed.sequence, files)
    return warnings
