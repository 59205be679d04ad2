"""The subject of a certification: one image, with all that decides its result."""

from __future__ import annotations

from typing import NamedTuple


class Subject(NamedTuple):
    """An image under one profile, as certified on one kind of host."""

    identity: str
    """The digest of the image, or its ID."""
    platform: str
    profile: str
    suite_digest: str
    """The digest of certify, the profile and the options."""
    host_class: str
    """The kind of host (:attr:`certify.model.result.Host.kind`)."""
