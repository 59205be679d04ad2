"""What can go wrong, and what it means for a verdict.

::

    CertifyError
    ├── UsageError             the caller's words are off: exit 2, nothing was run
    │   ├── BadReference       an image reference that no registry could serve
    │   ├── BadListing         a line of a list of images
    │   ├── BadProfile         a profile that does not exist or does not validate
    │   ├── BadWaivers         a file of waivers that is not there or does not validate
    │   ├── SweepRunning       another sweep is at work on the same ledger
    │   └── BadLedger          a ledger that cannot be opened or read
    └── Trouble                the question could not be answered: inconclusive, exit 3
        ├── EngineUnavailable  no container engine answers, or it stopped in mid-run
        ├── ImageUnavailable   the image could not be pulled or is not there
        ├── LaunchRefused      the host's engine would not start the container as asked
        └── SuiteBroken        the checks themselves broke down

A defect of the *image* is never an exception: it is a failed check.
Every message says what happened; ``remedy`` says what to do about it.
"""

from __future__ import annotations

from typing import ClassVar

from certify.model import Fault


class CertifyError(Exception):
    """Anything that certify itself reports instead of a traceback."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class UsageError(CertifyError):
    """Wrong usage or configuration; exit 2, and nothing was run."""


class BadReference(UsageError):
    """Not an image reference."""


class BadListing(UsageError):
    """A list of images has a line that cannot be understood."""


class BadProfile(UsageError):
    """A profile is unknown or does not validate."""


class BadWaivers(UsageError):
    """A file of waivers cannot be read or does not validate."""


class BadLedger(UsageError):
    """A ledger cannot be opened, or is not certify's."""


class SweepRunning(UsageError):
    """Another sweep is at work on the same ledger."""


class Trouble(CertifyError):
    """What kept certify from an answer; the verdict is inconclusive, exit 3."""

    default_fault: ClassVar[Fault] = Fault.HOST

    def __init__(
        self, message: str, *, remedy: str = "", fault: Fault | None = None, evidence: str = ""
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.fault = fault or self.default_fault
        self.evidence = evidence


class EngineUnavailable(Trouble):
    """No container engine answers, or it stopped answering."""


class ImageUnavailable(Trouble):
    """The image is neither on the engine nor to be had from its registry."""

    default_fault = Fault.REGISTRY


class LaunchRefused(Trouble):
    """The engine refused to start the container as asked; the image was never asked."""


class SuiteBroken(Trouble):
    """The process that runs the checks broke down."""

    default_fault = Fault.TOOL


class Interrupted(BaseException):
    """Somebody asked to stop. Not an answer, and no error: nothing but clean-up may catch it."""
