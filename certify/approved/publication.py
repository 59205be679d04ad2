"""Publishes the approved-images list, and removes revoked images from it.

A publication is made from the ledger under a policy, and its files change together; see
docs/publish.md.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from certify.approved.approval import Exclusion, approve
from certify.approved.enforcement import policy_files
from certify.approved.hosts import relevant_kinds
from certify.approved.policy import Policy
from certify.approved.previous import CHANGELOG, FEED, LIST, NO_KEY, PreviousPublication, Signing
from certify.approved.render import Changes, changelog, compare_lists, list_text
from certify.approved.storage import Content, folder_of, lock_publication, store_publication
from certify.approved.stored_list import StoredList
from certify.ledger.host_verdicts import with_hosts
from certify.ledger.matrix_rows import MatrixRow
from certify.ledger.rows import BATCH_SIZE, batched
from certify.ledger.store import Ledger
from certify.model.approved import ApprovedList, Revocation
from certify.model.errors import LedgerUnavailable, UsageError
from certify.model.result import Result
from certify.model.revocation import Indexes, merge_revocations, split_revoked
from certify.publish.feed import Entry, with_entry
from certify.publish.freshness import layout_of
from certify.signing.attachments import Attachment
from certify.signing.attestations import Attestations, Signer, without_revoked


@dataclass(frozen=True, slots=True)
class Publication:
    """A publication, made or tried (``dry_run``)."""

    listed: ApprovedList
    changed: Changes
    excluded: Sequence[Exclusion] = ()
    warnings: Sequence[str] = ()
    attachments: Sequence[Attachment] = ()
    """Statements that can be attached to the images now; empty without a key."""


@dataclass(slots=True)
class _ResultReader:
    """Reads results with their numbers, and learns which indexes hold what."""

    ledger: Ledger
    indexes: Indexes
    whole: bool = False
    """True if summaries do not tell enough."""

    def read(self, rows: Sequence[MatrixRow]) -> Iterator[tuple[int, Result]]:
        """Yield the results of rows of the matrix with their numbers."""
        ledger = self.ledger
        read = ledger.recorded_results if self.whole else ledger.recorded_summaries
        for part in batched(rows, BATCH_SIZE):
            found = ledger.host_verdicts.of_rows(part)
            for row, result in read(part):
                self._learn(result)
                yield row.id, with_hosts(result, found.get(row.id, ()))

    def _learn(self, result: Result) -> None:
        image = result.image
        # A manifest that is unknown in this result may be known from an earlier one.
        vague = image.digest is not None and image.manifest_digest is None
        for each in self.ledger.history(image.reference) if vague else (result,):
            self.indexes.add(each.image.manifest_digest, each.image.digest)


def publish(
    reports: Path,
    ledger: Ledger,
    policy: Policy,
    signing: Signing = NO_KEY,
    *,
    allow_shrink: bool = False,
    dry_run: bool = False,
) -> Publication:
    """Publish the images in the ledger that the policy approves.

    ``allow_shrink`` permits the list to lose more images than the policy allows at once. A
    ``dry_run`` returns the same, but needs no key and writes nothing.
    Raises :class:`WouldShrink`, :class:`BadPublication`, `LedgerUnavailable`, and
    :class:`UsageError` if a key is needed or the ledger is empty; then nothing was written.
    """
    key = signing.key
    with contextlib.nullcontext() if dry_run else lock_publication(reports):
        previous = PreviousPublication.read(reports)
        if not dry_run:
            previous.check_signing(signing)
        kinds = relevant_kinds(policy, ledger.host_verdicts.kinds()) if policy.hosts else []
        if not ledger.is_larger_than(0):
            raise UsageError(
                "nothing is recorded in this ledger, so there is nothing to publish",
                remedy="Run `certify sweep` first, or name another ledger with --ledger.",
            )
        now = datetime.now(UTC)
        # A policy about hosts asks for the own host of a result.
        by_host = policy.hosts is not None
        reader = _ResultReader(ledger, Indexes(previous.listed), by_host)
        rows = ledger.matrix_rows(hosts=kinds)
        known = reader.indexes.complete(_revocations(ledger, previous))
        images, excluded = approve(policy, reader.read(rows), known, now)
        # A later result may show that an index of an earlier one holds a revoked manifest.
        revoked = reader.indexes.complete(known)
        images, removed = split_revoked(images, revoked)
        excluded += [Exclusion(*each) for each in removed.items()]
        reasons = {each.key: each.reason for each in excluded}
        if not allow_shrink:
            previous.check_shrinking(policy, images, revoked, reasons)
        listed = ApprovedList(
            sequence=previous.next_number(now),
            published_at=now,
            expires_at=now + timedelta(days=policy.valid_days),
            platforms=policy.platforms,
            images=tuple(images),
            revoked=revoked,
        )
        changed = compare_lists(previous.listed, listed, reasons)
        warnings = previous.key_warnings(key)
        attached: Sequence[Attachment] = ()
        if not dry_run and (signer := previous.signer(key)):
            target = folder_of(reports, listed.sequence)
            signed = Attestations(signer, revoked, target, layout_of(reports), signing.attach)
            results = (result for _, result in ledger.recorded_summaries(rows))
            warnings += _write(previous, listed, changed, signed.files(results), signer)
            attached = signed.attachments if signing.attach else ()
        elif not dry_run:
            warnings += _write(previous, listed, changed, (), None)
    return Publication(listed, changed, excluded, warnings, attached)


def revoke(
    reports: Path,
    ledger: Ledger,
    revocation: Revocation,
    signing: Signing = NO_KEY,
    *,
    lift: bool = False,
) -> Publication | None:
    """Revoke an image in the ledger, and in the list if one was published here.

    ``lift`` ends a revocation instead: the next publication may list the image again.
    Returns the new publication, None without a list. Raises as :func:`publish` does, and
    :class:`UsageError` if an image to lift is not revoked.
    """
    with lock_publication(reports):
        previous = PreviousPublication.read(reports)
        if previous.listed is not None:
            previous.check_signing(signing)
        digest, reason = revocation.digest, revocation.reason
        if not lift:
            ledger.revocations.add(digest, revocation.reference, reason)
        elif ledger.revocations.lift(digest, reason) is None and not previous.has_revoked(digest):
            raise UsageError(
                f"{digest} is not revoked, so there is nothing to lift",
                remedy="`certify publish --dry-run` counts what is revoked.",
            )
        if previous.listed is None:
            return None
        now = datetime.now(UTC)
        revocations = _revocations(ledger, previous)
        remaining = [each for each in revocations if not (lift and each.digest == digest)]
        revoked = _indexes(ledger, previous).complete(remaining)
        images, reasons = split_revoked(previous.listed.images, revoked)
        listed = previous.listed.model_copy(
            update={
                "sequence": previous.next_number(now),
                "published_at": now,
                "images": tuple(images),
                "revoked": revoked,
            }
        )
        changed = compare_lists(previous.listed, listed, reasons)
        files = without_revoked(previous.attestations, revoked)
        warnings = previous.key_warnings(signing.key)
        warnings += _write(previous, listed, changed, files, previous.signer(signing.key))
    return Publication(listed, changed, (), warnings)


def _revocations(ledger: Ledger, previous: PreviousPublication) -> list[Revocation]:
    return merge_revocations(
        ledger.revocations.in_force(), ledger.revocations.all_digests(), previous.listed
    )


def _indexes(ledger: Ledger, previous: PreviousPublication) -> Indexes:
    """Return the indexes known from list and ledger; results that cannot be read are ignored."""
    reader = _ResultReader(ledger, Indexes(previous.listed))
    with contextlib.suppress(LedgerUnavailable):
        for _ in reader.read(ledger.matrix_rows()):
            pass
    return reader.indexes


def _write(
    previous: PreviousPublication,
    listed: ApprovedList,
    changed: Changes,
    attestations: Iterable[tuple[str, bytes]],
    signer: Signer | None,
) -> list[str]:
    policies, warnings = policy_files(listed)
    with StoredList(listed, previous.reports) as stored:
        files: dict[str, Content] = {
            LIST: stored.parts(),
            f"{LIST}.gz": stored.compressed(),
            "approved-images.txt": list_text(listed),
            CHANGELOG: changelog(listed, changed, previous.changelog),
            FEED: with_entry(
                previous.feed,
                "approved",
                "Changes to the approved-images list",
                Entry(
                    f"List {listed.sequence}",
                    listed.published_at,
                    (*changed.added, *changed.removed, *changed.moved),
                ),
            ),
            **{f"policies/{name}": text for name, text in policies.items()},
        }
        if signer is not None:
            files.update([signer.sign_list(stored.digest, listed, LIST)])
        store_publication(previous.reports, listed.sequence, files, attestations)
    return warnings
