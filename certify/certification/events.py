"""Who is told what happens while it happens."""

from __future__ import annotations

from typing import Protocol

from certify.model.finding import Claim, Finding


class Watcher(Protocol):
    """Is told what happens while it happens."""

    def phase(self, what: str) -> None:
        """A new step begins."""

    def finding(self, finding: Finding, claim: Claim | None) -> None:
        """A check has said something."""

    def kept(self, container: str) -> None:
        """A container was left standing, as asked."""


class Unwatched:
    """A watcher for what nobody needs to watch."""

    def phase(self, what: str) -> None:
        """Nobody is told."""

    def finding(self, finding: Finding, claim: Claim | None) -> None:
        """Nobody is told."""

    def kept(self, container: str) -> None:
        """Nobody is told."""
