"""Claims and findings of checks."""

from __future__ import annotations

from certify.model.terms import Fault, Level, Outcome
from certify.model.value import Value


class Claim(Value):
    """The description of a check by its author, the same for every image."""

    id: str
    """The name of the check, ``group.name``, unique in a suite."""
    title: str
    """A few words for tables."""
    claim: str
    """The statement that is true of an image that passes: the docstring's first line."""
    why: str
    """The reason why a platform needs this."""
    how: str
    """The method of the check."""
    remedy: str
    """The change that an image needs to pass."""
    needs: tuple[str, ...] = ()
    """The checks that must pass before this one can run."""
    level: Level = Level.REQUIRED
    """The level of a user's own check that no profile names."""

    @property
    def group(self) -> str:
        """The part of the ID before the dot."""
        return self.id.partition(".")[0]


class Finding(Value):
    """The finding of one check about one image, before a profile judges it."""

    id: str
    outcome: Outcome
    seconds: float = 0.0
    message: str = ""
    """One line for people."""
    evidence: str = ""
    """Commands, exit codes and output, in many lines."""
    because: str | None = None
    """The check that kept this one from running, because it failed or has no answer."""
    fault: Fault | None = None
    """The place of the cause, if the check failed or its outcome is unknown."""
    remedy: str = ""
    """The remedy of the cause; empty if the cause is not known."""
    flaky: bool = False
    """True if it passed in another run of the same image."""
    waited: float = 0.0
    """The longest wait in seconds that reached its time limit; 0 if none did."""
    began: float | None = None
    """The moment at which it began: seconds since the container was requested. In the process that
    runs the checks, it is that of the monotonic clock."""
    lane: str = ""
    """The lane in which it ran beside others; empty if it ran alone."""
