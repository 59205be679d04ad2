"""What can go wrong, and what it means for a verdict.

::

    CertifyError
    ├── UsageError             the caller's words are off: exit 2, nothing was run
    │   ├── BadReference       an image reference that no registry could serve
    │   ├── BadListing         a line of a list of images
    │   ├── BadProfile         a profile that does not exist or does not validate
    │   ├── BadWaivers         a file of waivers that is not there or does not validate
    │   ├── BadPolicy          a policy of what is approved that does not validate
    │   ├── BadKey             a key that cannot be read, written or used
    │   ├── BadPublication     what was published before cannot be gone on from
    │   ├── SweepRunning       another sweep is at work on the same ledger
    │   └── BadLedger          a ledger that cannot be opened or read
    ├── NotBelieved            a signed statement that is not to be relied on: not approved, exit 1
    └── Trouble                the question could not be answered: inconclusive, exit 3
        ├── EngineUnavailable  no container engine answers, or it stopped in mid-run
        ├── ImageUnavailable   the image could not be pulled or is not there
        │   └── NoSuchImage    its registry answers, and knows nothing of that name
        ├── NothingRecorded    no ledger has been made where one is to be read
        ├── ListUnavailable    the approved-images list cannot be had or read
        ├── WouldShrink        a list would lose too much at once, so that it is not published
        ├── LaunchRefused      the host's engine would not start the container as asked
        └── SuiteBroken        the checks themselves broke down

A defect of the *image* is never an exception: it is a failed check.
Every message says what happened; ``remedy`` says what to do about it.
"""

from __future__ import annotations

from typing import ClassVar

from certify.model.terms import Fault


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


class BadKey(UsageError):
    """A key cannot be read, written or used; its message never holds any of it."""


class BadPolicy(UsageError):
    """A policy of what is approved cannot be read or does not validate."""


class BadPublication(UsageError):
    """What was published before cannot be read, or something else is in its place."""


class SweepRunning(UsageError):
    """Another sweep is at work on the same ledger."""


class NotBelieved(CertifyError):
    """A signature or a signed statement does not hold; the message says what is wrong with it."""


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


class NoSuchImage(ImageUnavailable):
    """The registry answers, and has no such image or repository."""


class NothingRecorded(Trouble):
    """There is no ledger yet where one is to be read."""

    default_fault = Fault.TOOL


class ListUnavailable(Trouble):
    """The approved-images list cannot be had, or not be read."""


class WouldShrink(Trouble):
    """A list would lose more of its images at once than its policy allows."""


class LaunchRefused(Trouble):
    """The engine refused to start the container as asked; the image was never asked."""


class SuiteBroken(Trouble):
    """The process that runs the checks broke down."""

    default_fault = Fault.TOOL


class Interrupted(BaseException):
    """Somebody asked to stop. Not an answer, and no error: nothing but clean-up may catch it."""
