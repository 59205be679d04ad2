"""The previous publication: its list, its signature, and the limits that they set for the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from certify.approved.approval import lost_images, shrinks_too_much
from certify.approved.policy import Policy
from certify.approved.render import read_list
from certify.approved.storage import read_published, read_published_folder
from certify.model.approved import Approved, ApprovedList, Revocation
from certify.model.errors import BadPublication, NotBelieved, UsageError, WouldShrink
from certify.model.result_key import ResultKey
from certify.signing.attestations import FOLDER as ATTESTATIONS
from certify.signing.attestations import Signer
from certify.signing.envelope import Bundle
from certify.signing.keys import PrivateKey, key_id
from certify.util.text import one_line

LIST = "approved-images.json"
SIGNATURE = "approved-images.sigstore.json"
CHANGELOG = "approved-images.changelog.md"
FEED = "approved-images.atom"
NAMED = 10
"""The most lost images that an error message names."""


@dataclass(frozen=True, slots=True)
class Signing:
    """The private key to sign with, if any."""

    key: PrivateKey | None = None
    allow_unsigned: bool = False
    """True to publish without a key although the previous list was signed."""
    attach: bool = False
    """True to keep the statements that can be attached to images."""


NO_KEY = Signing()


@dataclass(frozen=True, slots=True)
class PreviousPublication:
    """The last publication in a reports folder, or the lack of one."""

    reports: Path
    listed: ApprovedList | None
    signature: bytes | None

    @classmethod
    def read(cls, reports: Path) -> Self:
        """Read it. Raises :class:`BadPublication` for an invalid list, and OSError."""
        raw = read_published(reports, LIST)
        try:
            listed = None if raw is None else read_list(raw.decode())
        except ValueError as error:
            raise BadPublication(
                f"{reports / LIST}: the list published before cannot be read:"
                f" {one_line(str(error), 120)}",
                remedy="If a newer certify published it, publish with that one. Otherwise repair"
                f" it, or remove {reports / 'approved'} to start again: then the new list is not"
                " compared with the old one, and revocations that it alone had are gone.",
            ) from error
        return cls(reports, listed, read_published(reports, SIGNATURE))

    @property
    def changelog(self) -> str:
        """The changelog up to this publication."""
        return (read_published(self.reports, CHANGELOG) or b"").decode(errors="replace")

    @property
    def feed(self) -> bytes | None:
        """The feed of changes up to this publication."""
        return read_published(self.reports, FEED)

    @property
    def attestations(self) -> Iterator[tuple[str, bytes]]:
        """The signed certificates with their file names."""
        return read_published_folder(self.reports, ATTESTATIONS)

    def has_revoked(self, digest: str) -> bool:
        """Return True if the list names a digest as revoked."""
        return self.listed is not None and any(
            each.digest == digest for each in self.listed.revoked
        )

    def next_number(self, now: datetime) -> int:
        """Return the number of the next publication."""
        return max(int(now.timestamp()), self.listed.sequence + 1 if self.listed else 0)

    def signer(self, key: PrivateKey | None) -> Signer | None:
        """Return a signer for the next publication; it reuses signatures of equal statements."""
        if key is None:
            return None
        return Signer(key, lambda name: read_published(self.reports, name))

    def check_signing(self, signing: Signing) -> None:
        """Raise :class:`UsageError` if the next list needs a signature and would have none."""
        if signing.key is None and not signing.allow_unsigned and self.signature is not None:
            raise UsageError(
                "the list published before is signed: whoever requires a signature would reject"
                " an unsigned list, and with it every image",
                remedy="Give --sign KEY; or --unsigned if nobody requires signatures any more.",
            )

    def key_warnings(self, key: PrivateKey | None) -> list[str]:
        """Return a warning if the previous list was signed with another key."""
        if self.signature is None or key is None:
            return []
        try:
            was, now = Bundle.parse(self.signature).keyid, key_id(key.public_key())
        except NotBelieved:
            return []  # an invalid signature, which nobody can have verified
        if was == now:
            return []
        return [
            f"the previous list was signed with another key ({was[:16]}…, now {now[:16]}…):"
            " whoever verifies with the old public key rejects this list"
        ]

    def check_shrinking(
        self,
        policy: Policy,
        images: Sequence[Approved],
        revoked: Sequence[Revocation],
        reasons: Mapping[ResultKey, str],
    ) -> None:
        """Raise :class:`WouldShrink` if the next list loses more images than the policy allows."""
        was = self.listed.images if self.listed else ()
        lost = lost_images(was, images, revoked)
        if not shrinks_too_much(policy, was, lost):
            return
        lines = [
            one_line(f"{each.reference}: {reasons.get(each.key, 'not recorded')}", 400)
            for each in lost[:NAMED]
        ]
        more = [f"and {len(lost) - NAMED} more"] if len(lost) > NAMED else []
        raise WouldShrink(
            f"the list would lose {len(lost)} of its {len(was)} images,"
            f" more than {policy.max_shrink_percent:g} %; it stays as it was\n  "
            + "\n  ".join([*lines, *more]),
            remedy="If that is right, publish with --allow-shrink; otherwise find out what went"
            " wrong with them.",
        )
