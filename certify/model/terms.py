"""The words that certify judges in; each with the one spelling that outputs use."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What a check said."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


class Level(StrEnum):
    """How much a profile cares about a check."""

    REQUIRED = "required"
    RECOMMENDED = "recommended"
    INFO = "info"


class Status(StrEnum):
    """What a profile makes of all outcomes."""

    CERTIFIED = "certified"
    REJECTED = "rejected"
    INCONCLUSIVE = "inconclusive"


class Grade(StrEnum):
    """How a certified image got there."""

    NATIVE = "native"
    ON_LAUNCH = "on-launch"


class WaiverState(StrEnum):
    """What became of a waiver in one result."""

    USED = "used"
    EXPIRED = "expired"
    UNNEEDED = "unneeded"


class Fault(StrEnum):
    """Where the cause of a failure lies. Only ``image`` may reject an image."""

    IMAGE = "image"
    HOST = "host"
    LAUNCH = "launch"
    NETWORK = "network"
    REGISTRY = "registry"
    TOOL = "tool"


class Trust(StrEnum):
    """How far Docker Hub vouches for the publisher of an image."""

    OFFICIAL = "official"
    """Docker's own library (``library/…``)."""
    VERIFIED = "verified"
    """A publisher whom Docker has verified."""
    SPONSORED = "sponsored"
    """Open source that Docker sponsors."""
    COMMUNITY = "community"
    """Anybody else on Docker Hub."""
    UNKNOWN = "unknown"
    """Not on Docker Hub, or Docker Hub does not say."""
