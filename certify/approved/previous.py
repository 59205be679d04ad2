"""The publication before: what was on its list, who signed it, and what that asks of the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from certify.approved.approval import Name, lost, shrinks
from certify.approved.generation import published, published_below
from certify.approved.policy import Policy
from certify.approved.render import read_list
from certify.model.approved import Approved, ApprovedList, Revocation
from certify.model.errors import BadPublication, NotBelieved, UsageError, WouldShrink
from certify.signing.attestations import FOLDER as ATTESTATIONS
from certify.signing.attestations import Signer
from certify.signing.envelope import Bundle
from certify.signing.keys import Private, key_id
from certify.util.text import one_line

LIST = "approved-images.json"
SIGNATURE = "approved-images.sigstore.json"
CHANGELOG = "approved-images.changelog.md"
TOLD = 10
"""So many images are named that a list would lose."""


@dataclass(frozen=True, slots=True)
class Before:
    """What was published last, if anything was."""

    reports: Path
    listed: ApprovedList | None
    signature: bytes | None

    @classmethod
    def read(cls, reports: Path) -> Self:
        """Raises :class:`BadPublication` for a list that makes no sense, and OSError."""
        raw = published(reports, LIST)
        try:
            listed = None if raw is None else read_list(raw.decode())
        except (ValueError, RecursionError) as error:
            raise BadPublication(
                f"{reports / LIST}: the list published before cannot be read:"
                f" {one_line(str(error), 120)}",
                remedy=f"Mend it, or remove {reports / 'approved'} to begin anew; then nothing is"
                " compared with what was on it.",
            ) from error
        return cls(reports, listed, published(reports, SIGNATURE))

    @property
    def changelog(self) -> str:
        """What it and those before it changed."""
        return (published(self.reports, CHANGELOG) or b"").decode(errors="replace")

    @property
    def attestations(self) -> dict[str, bytes]:
        """Names and contents of its signed certificates."""
        return published_below(self.reports, ATTESTATIONS)

    def stands(self, digest: str) -> bool:
        """Whether it says that a digest is revoked."""
        return self.listed is not None and any(
            each.digest == digest for each in self.listed.revoked
        )

    def next_number(self, now: datetime) -> int:
        """The number of the publication that follows."""
        return max(int(now.timestamp()), self.listed.sequence + 1 if self.listed else 0)

    def signer(self, key: Private | None) -> Signer | None:
        """Signs the next one; what was signed before and says the same stays as it is."""
        if key is None:
            return None
        return Signer(key, lambda name: published(self.reports, name))

    def check_key(self, key: Private | None, *, unsigned: bool) -> None:
        """Raises :class:`UsageError` if the next one needs a signature and would have none."""
        if key is None and not unsigned and self.signature is not None:
            raise UsageError(
                "the list published before is signed: without a signature, everybody who asks for"
                " one would refuse every image",
                remedy="Give --sign KEY; or --unsigned, if nobody asks for signatures any more.",
            )

    def other_key(self, key: Private | None) -> list[str]:
        """Told if it was signed with another key, for who asks for that one."""
        if self.signature is None or key is None:
            return []
        try:
            was, now = Bundle.parse(self.signature).keyid, key_id(key.public_key())
        except NotBelieved:
            return []  # broken, so that nobody relied on it
        if was == now:
            return []
        return [
            f"the list before was signed with another key ({was[:16]}…, now {now[:16]}…):"
            " who verifies with its public half refuses this list"
        ]

    def check_shrinking(
        self,
        policy: Policy,
        images: Sequence[Approved],
        revoked: Sequence[Revocation],
        reasons: Mapping[Name, str],
    ) -> None:
        """Raises :class:`WouldShrink` if the next one loses more than the policy lets it lose."""
        was = self.listed.images if self.listed else ()
        gone = lost(was, images, revoked)
        if not shrinks(policy, was, gone):
            return
        told = [
            one_line(f"{each.reference}: {reasons.get(each.name, 'not recorded')}", 400)
            for each in gone[:TOLD]
        ]
        more = [f"and {len(gone) - TOLD} more"] if len(gone) > TOLD else []
        raise WouldShrink(
            f"the list would lose {len(gone)} of its {len(was)} images,"
            f" more than {policy.max_shrink_percent:g} %; it stays as it was\n  "
            + "\n  ".join([*told, *more]),
            remedy="If that is right, publish with --allow-shrink; else see what went wrong"
            " with them.",
        )
