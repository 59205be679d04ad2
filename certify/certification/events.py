"""Progress events of certifications, for displays."""

from __future__ import annotations

from collections.abc import Sequence

from certify.model.finding import Claim, Finding
from certify.model.result import Result


class Events:
    """Receives the progress events of one certification; every method here does nothing.

    Both ``certify run`` and ``certify sweep`` send these events. A sweep certifies several images
    at once, so it has one receiver for each, and calls each from one thread at a time.
    """

    def phase(self, name: str) -> None:
        """Show that a phase begins; while checks run, its name is the id of a check."""

    def finding(self, finding: Finding, claim: Claim | None) -> None:
        """Show the outcome of a check. The claim is None if the check is unknown."""

    def container(self, name: str) -> None:
        """Show the name of a container that is left running, as ``--keep`` requests."""

    def results(self, results: Sequence[Result]) -> None:
        """Show the final results, one for each name and profile."""
