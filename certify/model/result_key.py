"""The key of a result."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # its classes take long to make, and keys are used without results, too
    from certify.model.result import Result


class ResultKey(NamedTuple):
    """The key by which sweeps and the ledger find a result, and the order of lists."""

    reference: str
    platform: str
    """Empty if unknown."""
    profile: str

    @classmethod
    def of(cls, result: Result) -> ResultKey:
        """Return the key of a result."""
        return cls(result.image.reference, result.image.platform or "", result.profile)
