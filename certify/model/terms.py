"""The terms of verdicts, spelled as in all outputs."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

LaunchKind = Literal["init", "idle", "image", "nested"]


class Outcome(StrEnum):
    """The outcome of a check."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


class Level(StrEnum):
    """The importance of a check in a profile."""

    REQUIRED = "required"
    RECOMMENDED = "recommended"
    INFO = "info"


class Status(StrEnum):
    """The status of a verdict."""

    CERTIFIED = "certified"
    REJECTED = "rejected"
    INCONCLUSIVE = "inconclusive"


class Grade(StrEnum):
    """The grade of a certified image.

    A native image works as shipped; an on-launch one needs software that was installed at launch.
    """

    NATIVE = "native"
    ON_LAUNCH = "on-launch"


class WaiverState(StrEnum):
    """The state of a waiver in one result."""

    USED = "used"
    EXPIRED = "expired"
    UNNEEDED = "unneeded"


class Fault(StrEnum):
    """The place of the cause of a failure. Only a fault of ``image`` may reject an image."""

    IMAGE = "image"
    HOST = "host"
    LAUNCH = "launch"
    NETWORK = "network"
    REGISTRY = "registry"
    TOOL = "tool"


class Trust(StrEnum):
    """The trust that Docker Hub places in the publisher of an image."""

    OFFICIAL = "official"
    """Docker's official images (``library/…``)."""
    VERIFIED = "verified"
    """A publisher that Docker has verified."""
    SPONSORED = "sponsored"
    """An open-source project that Docker sponsors."""
    COMMUNITY = "community"
    """Any other publisher on Docker Hub."""
    UNKNOWN = "unknown"
    """Unknown: not on Docker Hub, or Docker Hub gave no answer."""
