"""The standing result of an image, as much as the plan of a sweep needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from certify.model.terms import Status


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger holds, as much as a plan needs."""

    reference: str
    profile: str
    platform: str
    digest: str
    status: Status
    suite_digest: str
    host_class: str
    expires_at: datetime
