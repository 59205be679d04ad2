"""Results in force, as much of them as the plan of a sweep needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from certify.model.result_key import ResultKey
from certify.model.terms import Status


@dataclass(frozen=True, slots=True)
class ResultInForce:
    """The result in force for one reference, platform and profile, without its checks."""

    reference: str
    profile: str
    platform: str
    digest: str
    """The digest, or else the image ID."""
    status: Status
    suite_digest: str
    host_class: str
    """The kind of host (:attr:`certify.model.result.Host.kind`); empty if unknown."""
    finished_at: datetime
    expires_at: datetime

    @property
    def key(self) -> ResultKey:
        """The reference, platform and profile."""
        return ResultKey(self.reference, self.platform, self.profile)
