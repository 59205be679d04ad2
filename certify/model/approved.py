"""The approved-images list, which ``certify publish`` writes and ``certify verify`` reads.

Each entry is one image on one platform under one profile. Durations are in seconds, moments in
UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from sys import intern
from typing import Any, Literal

from pydantic import ConfigDict, Field

from certify.model.result_key import ResultKey
from certify.model.terms import Grade, Trust
from certify.model.value import Moment, Value, trusted

APPROVED_SCHEMA = "certify/approved/v1"


class Approved(Value):
    """An image that may be run, with the certificate that permits it."""

    pin: str
    """The name to pull, ``registry/repository@sha256:…``."""
    reference: str
    """The name under which the image was certified, such as ``debian:12``."""
    registry: str
    repository: str
    tag: str | None
    digest: str
    """The digest that the reference led to in its registry: the index's, if there is an index."""
    manifest_digest: str | None
    """The digest of the platform's own manifest; the same as ``digest`` without an index, and None
    if it was unknown when the image was certified."""
    platform: str
    profile: str
    grade: Grade
    trust: Trust = Trust.UNKNOWN
    waived: tuple[str, ...] = ()
    """The required checks that did not pass and are waived."""
    boot_seconds: float | None = None
    provision_seconds: float | None = None
    suite: str
    """The digest of the suite that certified the image."""
    certified_at: Moment
    expires_at: Moment

    @property
    def key(self) -> ResultKey:
        """The reference, platform and profile, unique in a list."""
        return ResultKey(self.reference, self.platform, self.profile)


def entry_of(fields: Mapping[str, Any]) -> Approved:
    """Return an entry of valid fields; what many entries share is one text in memory."""
    digest = fields["digest"]
    shared = {name: intern(fields[name]) for name in _SHARED}
    if fields["manifest_digest"] == digest:
        shared["manifest_digest"] = digest
    return trusted(Approved, {**fields, **shared})


_SHARED = ("registry", "repository", "platform", "profile", "suite")


class Revocation(Value):
    """An image that must not be run, under any name."""

    digest: str
    """The digest of an index or of a manifest, in whatever repository."""
    reference: str
    """The name under which the image was revoked, with its digest."""
    reason: str
    revoked_at: Moment
    indexes: tuple[str, ...] = ()
    """The known indexes that hold a revoked manifest. They must not be run either where the
    platform of an image cannot be seen."""


class ApprovedList(Value):
    """The content of ``approved-images.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: Literal["certify/approved/v1"] = Field(default="certify/approved/v1", alias="schema")
    sequence: int
    """A number that grows with every publication, so that an older list can be refused: seconds
    since 1970, or one more than the number of the list before, whichever is greater."""
    published_at: Moment
    expires_at: Moment
    """The end of the list's validity, so that nobody can serve an old list for ever."""
    platforms: tuple[str, ...] = ()
    """The platforms on which images run, if the policy names them."""
    images: tuple[Approved, ...]
    revoked: tuple[Revocation, ...] = ()
