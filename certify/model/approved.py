"""The approved-images list: the values that `certify publish` writes and `certify verify` reads.

One entry stands for one image on one platform under one profile. Durations are seconds,
moments UTC.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from certify.model.terms import Grade, Trust
from certify.model.value import Moment, Value

APPROVED_SCHEMA = "certify/approved/v1"


class Approved(Value):
    """One approved image: what may be run, and on what grounds."""

    pin: str
    """``registry/repository@sha256:…``: can be pulled as it stands."""
    reference: str
    """The name it was certified under, such as ``debian:12``."""
    registry: str
    repository: str
    tag: str | None
    digest: str
    """What the reference led to in its registry: of an index, if there is one."""
    manifest_digest: str | None
    """Of this platform's own manifest; the same as ``digest`` without an index, and null where
    nobody knew it when the image was certified."""
    platform: str
    profile: str
    grade: Grade
    trust: Trust = Trust.UNKNOWN
    waived: tuple[str, ...] = ()
    """Required checks that did not pass and are waived."""
    boot_seconds: float | None = None
    provision_seconds: float | None = None
    suite: str
    """The digest of the checks and the profile that judged it."""
    certified_at: Moment
    expires_at: Moment

    @property
    def name(self) -> tuple[str, str, str]:
        """What one list holds at most once."""
        return self.reference, self.platform, self.profile


class Revocation(Value):
    """An image that is not to be run again, wherever it is named."""

    digest: str
    """Of an index or of a manifest; content is its digest, so it holds in every repository."""
    reference: str
    """The name under which it was revoked, pinned."""
    reason: str
    revoked_at: Moment
    indexes: tuple[str, ...] = ()
    """Of a manifest: indexes that hold it, as far as they are known. Where nobody sees for which
    platform an image is to run, they may not be run either."""


class ApprovedList(Value):
    """``approved-images.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: Literal["certify/approved/v1"] = Field(default="certify/approved/v1", alias="schema")
    sequence: int
    """Greater with every publication, so that an older list is known by it: the moment of the
    publication in seconds since 1970, or one more than the list before, whichever is greater."""
    published_at: Moment
    expires_at: Moment
    """When the list as a whole counts for nothing any more, so that no old one can be kept up."""
    platforms: tuple[str, ...] = ()
    """All on which images are run, if the policy says so."""
    images: tuple[Approved, ...]
    revoked: tuple[Revocation, ...] = ()
