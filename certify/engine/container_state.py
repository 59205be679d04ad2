"""The state of a container, and the ways in which it ends. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from certify.engine.session import KILLED


class ContainerStopped(Exception):
    """Raised because the container has ended; the message says how."""


@dataclass(frozen=True)
class ContainerState:
    """The state of a container."""

    running: bool
    exit_code: int
    oom_killed: bool
    health: str | None = None
    """Result of the image's own health check: ``starting``, ``healthy`` or ``unhealthy``; None if
    it has none."""
    stopped: bool = False
    """True if somebody stopped it, or the engine did when the engine itself ended."""

    @property
    def killed(self) -> bool:
        """True if it was ended from outside: stopped, or killed by SIGKILL.

        PID 1 can get SIGKILL only from outside (pid_namespaces(7)): from a person, another
        program, or the kernel of a host that ran out of memory.
        """
        return self.stopped or (not self.running and self.exit_code == KILLED)


@dataclass(frozen=True)
class StopResult:
    """The result of a request to stop a container."""

    seconds: float
    exit_code: int

    @property
    def killed(self) -> bool:
        """True if it did not stop in time, and the engine killed it."""
        return self.exit_code == KILLED


def end_reason(state: ContainerState) -> str:
    """Return the way in which a container has ended."""
    if state.oom_killed:
        return "the container was killed because it ran out of the memory that it was given"
    if state.exit_code == KILLED:
        return "the container was killed from outside: by somebody, or by a host without memory"
    if state.stopped:
        return "the container was stopped from outside: by somebody, or with its engine"
    return f"the container ended by itself with exit code {state.exit_code}"
