"""Errors that certify reports as messages, grouped by exit code.

A defect of the *image* is never an exception: it is a failed check.
Each message states what happened; ``remedy`` states what to do about it.
"""

from __future__ import annotations

from typing import ClassVar

from certify.model.terms import Fault


class CertifyError(Exception):
    """An error that certify reports as a message, without a traceback."""

    page: ClassVar[str] = ""
    """The page of the documentation about it: ``certify help PAGE.md`` shows it.

    Where it is empty, the page of the command counts.
    """

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class UsageError(CertifyError):
    """Wrong usage or configuration; nothing was run: exit 2."""


class BadReference(UsageError):
    """Text that is not an image reference."""

    page = "registries"


class BadArchive(UsageError):
    """A file or folder of images that cannot be read, lies about itself, or has no such image."""

    page = "archives"


class BadListing(UsageError):
    """A list of images that cannot be read or has a wrong line."""

    page = "sweeps"


class BadProfile(UsageError):
    """A profile that is unknown or invalid."""

    page = "profiles"


class BadChecks(UsageError):
    """A folder of a user's own checks that has none, or a file in it that is not Python."""

    page = "writing-checks"


class BadWaivers(UsageError):
    """A waivers file that cannot be read or is invalid."""

    page = "waivers"


class BadPolicy(UsageError):
    """An approval policy that cannot be read or is invalid."""

    page = "publish"


class BadSettings(UsageError):
    """A file of settings, or a variable of the environment, with a wrong key or value."""

    page = "settings"


class BadKey(UsageError):
    """A key that cannot be read, written or used; the message never contains any of it."""

    page = "signing"


class BadPublication(UsageError):
    """An earlier publication that cannot be read, or other files in its place."""

    page = "publish"


class BadLedgerUrl(UsageError):
    """Text that is not the address of a ledger, such as a URL of an unknown database."""

    page = "ledger"


class BadExport(UsageError):
    """A file that is no export of a ledger, or one of a newer certify, or only a part of one."""

    page = "ledger"


class SweepRunning(UsageError):
    """Another sweep is running on the same ledger."""

    page = "sweeps"


class NotBelieved(CertifyError):
    """A signature or signed statement that is invalid; the message gives the reason: exit 1."""

    page = "verify"


class Trouble(CertifyError):
    """An obstacle that kept certify from an answer; the verdict is inconclusive: exit 3."""

    page = "inconclusive"
    default_fault: ClassVar[Fault] = Fault.HOST

    def __init__(
        self, message: str, *, remedy: str = "", fault: Fault | None = None, evidence: str = ""
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.fault = fault or self.default_fault
        self.evidence = evidence


class EngineUnavailable(Trouble):
    """No container engine answers, or it stopped answering."""

    page = "doctor"


class ClusterUnavailable(Trouble):
    """No scheduler of a cluster answers, it stopped answering, or it has no worker for the work."""

    page = "scale"


class ImageUnavailable(Trouble):
    """The image is not on the engine and cannot be pulled."""

    page = "registries"
    default_fault = Fault.REGISTRY


class NoSuchImage(ImageUnavailable):
    """The registry answers, but has no such image or repository."""


class LedgerUnavailable(Trouble):
    """The ledger cannot be opened, read or written, or is another program's file."""

    page = "ledger"

    def __init__(self, message: str, *, remedy: str = "", passing: bool = False) -> None:
        super().__init__(message, remedy=remedy)
        self.passing = passing
        """True for trouble that may pass by itself: another process writes, a server restarts."""


class NotRecordable(LedgerUnavailable):
    """A result that no ledger takes, however often it is tried."""


class NothingRecorded(Trouble):
    """The ledger to read does not exist yet."""

    page = "ledger"
    default_fault = Fault.TOOL


class ListUnavailable(Trouble):
    """The approved-images list cannot be fetched or read."""

    page = "verify"


class WouldShrink(Trouble):
    """The approved-images list would lose more images at once than the policy allows."""

    page = "publish"


class LaunchRefused(Trouble):
    """The engine refused to start the container, so the image itself was not examined."""

    page = "launching"


class SuiteBroken(Trouble):
    """The process that runs the checks broke down."""

    page = "writing-checks"
    default_fault = Fault.TOOL


class Interrupted(BaseException):
    """A request to stop, which only clean-up code may catch."""
