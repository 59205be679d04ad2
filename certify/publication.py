"""Publishing the approved-images list, and taking images off it at once.

From the ledger, under a policy, to files that belong together; see docs/publish.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from certify.approved import Approved, ApprovedList, Revocation
from certify.errors import BadPublication, NotBelieved, UsageError, WouldShrink
from certify.judge.approval import LeftOut, approve, lost, shrinks
from certify.judge.policy import Policy
from certify.judge.revocation import Indexes, parted
from certify.judge.revocation import revoked as revoked_by
from certify.ledger.store import Ledger
from certify.model import Result
from certify.publish.approved import Changes, changelog, changes, list_json, list_text, read_list
from certify.publish.generation import publish as publish_files
from certify.publish.generation import published, published_below, publishing
from certify.publish.policies import policy_files
from certify.safetext import one_line
from certify.signing.attachments import Attachment
from certify.signing.attestations import FOLDER as ATTESTATIONS
from certify.signing.attestations import Signer, attachments
from certify.signing.envelope import Bundle
from certify.signing.keys import Private, key_id

LIST = "approved-images.json"
SIGNATURE = "approved-images.sigstore.json"
CHANGELOG = "approved-images.changelog.md"
TOLD = 10
"""So many images are named that a list would lose."""


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

    def passing(self, results: Iterable[Result]) -> Iterator[Result]:
        for result in results:
            image = result.image
            self.indexes.see(image.manifest_digest, image.digest)
            if self.signer is not None:
                files = self.signer.of_results([result])
                self.files |= files
                public = self.signer.key.public_key()
                self.attachments += attachments([result], files, public)
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
    ``dry_run`` finds out the same, and writes nothing.
    Raises :class:`WouldShrink`, :class:`BadPublication`, `BadLedger`, and
    :class:`UsageError` if a key is needed; then nothing was written.
    """
    with publishing(reports):
        before = _before(reports)
        if not dry_run:
            _check_key(reports, key, unsigned)
        seen = _Seen(_signer(reports, key), Indexes(before))
        shown = ledger.shown()
        if not shown:
            raise UsageError(
                "nothing is recorded in this ledger, so there is nothing to publish",
                remedy="Run `certify sweep` first, or name another ledger with --ledger.",
            )
        now = datetime.now(UTC)
        revoked = seen.indexes.named_in(_revoked(ledger, before))
        passing = seen.passing(result for _, result in ledger.documents(shown))
        images, left = approve(policy, passing, revoked, now)
        reasons = {each.name: each.reason for each in left}
        if before is not None and not allow_shrink:
            _check_shrinking(policy, before, lost(before.images, images, revoked), reasons)
        listed = ApprovedList(
            sequence=_next(before, now),
            published_at=now,
            expires_at=now + timedelta(days=policy.valid_days),
            platforms=policy.platforms,
            images=tuple(images),
            revoked=seen.indexes.named_in(revoked),
        )
        changed = changes(before, listed, reasons)
        warnings = _other_key(reports, key)
        if not dry_run:
            warnings += _write(reports, listed, changed, seen.files, seen.signer)
    return Publication(listed, changed, left, warnings, seen.attachments)


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
        before = _before(reports)
        if before is not None:
            _check_key(reports, key, unsigned)
        digest, reason = revocation.digest, revocation.reason
        if not lift:
            ledger.revocations.add(digest, revocation.reference, reason)
        elif ledger.revocations.lift(digest, reason) is None and not _stands(before, digest):
            raise UsageError(f"{digest} is not revoked, so there is nothing to lift")
        if before is None:
            return None
        now = datetime.now(UTC)
        revoked = [
            each for each in _revoked(ledger, before) if not (lift and each.digest == digest)
        ]
        images, reasons = parted(before.images, revoked)
        listed = before.model_copy(
            update={
                "sequence": _next(before, now),
                "published_at": now,
                "images": tuple(images),
                "revoked": Indexes(before).named_in(revoked),
            }
        )
        changed = changes(before, listed, reasons)
        kept = published_below(reports, ATTESTATIONS)
        warnings = _other_key(reports, key)
        warnings += _write(reports, listed, changed, kept, _signer(reports, key))
    return Publication(listed, changed, (), warnings)


def _before(reports: Path) -> ApprovedList | None:
    raw = published(reports, LIST)
    if raw is None:
        return None
    try:
        return read_list(raw.decode())
    except (ValueError, RecursionError) as error:
        raise BadPublication(
            f"{reports / LIST}: the list published before cannot be read:"
            f" {one_line(str(error), 120)}",
            remedy=f"Mend it, or remove {reports / 'approved'} to begin anew; then nothing is"
            " compared with what was on it.",
        ) from error


def _check_key(reports: Path, key: Private | None, unsigned: bool) -> None:
    if key is None and not unsigned and published(reports, SIGNATURE) is not None:
        raise UsageError(
            "the list published before is signed: without a signature, everybody who asks for"
            " one would refuse every image",
            remedy="Give --sign KEY; or --unsigned, if nobody asks for signatures any more.",
        )


def _other_key(reports: Path, key: Private | None) -> list[str]:
    """Told if the list before was signed with another key, for who asks for that one."""
    old = published(reports, SIGNATURE)
    if old is None or key is None:
        return []
    try:
        was, now = Bundle.parse(old).keyid, key_id(key.public_key())
    except NotBelieved:
        return []  # broken, so that nobody relied on it
    if was == now:
        return []
    return [
        f"the list before was signed with another key ({was[:16]}…, now {now[:16]}…):"
        " who verifies with its public half refuses this list"
    ]


def _signer(reports: Path, key: Private | None) -> Signer | None:
    return Signer(key, lambda name: published(reports, name)) if key is not None else None


def _revoked(ledger: Ledger, before: ApprovedList | None) -> list[Revocation]:
    return revoked_by(ledger.revocations.all(), ledger.revocations.known(), before)


def _stands(before: ApprovedList | None, digest: str) -> bool:
    return before is not None and any(each.digest == digest for each in before.revoked)


def _next(before: ApprovedList | None, now: datetime) -> int:
    return max(int(now.timestamp()), before.sequence + 1 if before else 0)


def _check_shrinking(
    policy: Policy,
    before: ApprovedList,
    gone: Sequence[Approved],
    reasons: dict[tuple[str, str, str], str],
) -> None:
    if not shrinks(policy, before.images, gone):
        return
    told = [
        one_line(f"{each.reference}: {reasons.get(each.name, 'not recorded')}", 400)
        for each in gone[:TOLD]
    ]
    more = [f"and {len(gone) - TOLD} more"] if len(gone) > TOLD else []
    raise WouldShrink(
        f"the list would lose {len(gone)} of its {len(before.images)} images,"
        f" more than {policy.max_shrink_percent:g} %; it stays as it was\n  "
        + "\n  ".join([*told, *more]),
        remedy="If that is right, publish with --allow-shrink; else see what went wrong with them.",
    )


def _write(
    reports: Path,
    listed: ApprovedList,
    changed: Changes,
    attestations: dict[str, bytes],
    signer: Signer | None,
) -> list[str]:
    policies, warnings = policy_files(listed)
    raw = list_json(listed).encode()
    old = published(reports, CHANGELOG) or b""
    files: dict[str, str | bytes] = {
        LIST: raw,
        "approved-images.txt": list_text(listed),
        CHANGELOG: changelog(listed, changed, old.decode(errors="replace")),
        **{f"policies/{name}": text for name, text in policies.items()},
        **attestations,
    }
    if signer is not None:
        files.update([signer.of_list(raw, listed, LIST)])
    publish_files(reports, listed.sequence, files)
    return warnings
