"""Claims of checks, and what the checks found."""

from __future__ import annotations

from certify.model.terms import Fault, Level, Outcome
from certify.model.value import Value


class Claim(Value):
    """What a check is about, as its author wrote it; the same for every image."""

    id: str
    """``group.name``, unique in a suite."""
    title: str
    """A few words for tables."""
    claim: str
    """First line of the check's docstring: what is true of an image that passes."""
    why: str
    """Why a platform cares."""
    how: str
    """How the claim is checked."""
    remedy: str
    """What to change in an image that fails."""
    needs: tuple[str, ...] = ()
    """Checks that must have passed before this one can be asked."""
    level: Level = Level.REQUIRED
    """The level where no profile names the check (checks of the user's own)."""

    @property
    def group(self) -> str:
        """The part of the id before the dot."""
        return self.id.partition(".")[0]


class Finding(Value):
    """What one check said of one candidate, before any profile looks at it."""

    id: str
    outcome: Outcome
    seconds: float = 0.0
    message: str = ""
    """One line in plain words."""
    evidence: str = ""
    """What was seen: commands, exit codes, output; many lines."""
    because: str | None = None
    """The check whose failure (or silence) kept this one from being asked."""
    fault: Fault | None = None
    """Where the cause lies, if the check failed or is unknown."""
    waited: float = 0.0
    """Seconds of the longest wait that was given up meanwhile; 0 if none was."""
