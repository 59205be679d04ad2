"""What happens while it happens, on standard error: live on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.status import Status
from rich.text import Text

from certify.cli.terminal import is_live, standard_error
from certify.model import Claim, Finding, Outcome

_MARKS = {
    Outcome.PASSED: ("✓", "green"),
    Outcome.FAILED: ("✗", "red"),
    Outcome.SKIPPED: ("–", "dim"),
    Outcome.UNKNOWN: ("?", "yellow"),
}


class Progress:
    """A watcher of one certification."""

    def __init__(self, image: str, profile: str) -> None:
        self._what = f"{image} · {profile}"
        self._console = standard_error()
        self._live = is_live(self._console)
        self._status: Status | None = None
        self._begun = time.monotonic()

    def __enter__(self) -> Self:
        if self._live:
            self._status = self._console.status(self._line("starting"))
            self._status.start()
        else:
            self._console.print(self._line("starting"))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def phase(self, what: str) -> None:
        """Show the step that begins."""
        if self._status is not None:
            self._status.update(self._line(what))
        elif "." not in what:  # a check is told once it has said something
            self._console.print(self._line(what))

    def finding(self, finding: Finding, claim: Claim | None) -> None:
        """Show what a check said; on a terminal only what did not pass stays on the screen."""
        mark, style = _MARKS[finding.outcome]
        if self._live and finding.outcome in (Outcome.PASSED, Outcome.SKIPPED):
            return
        line = Text(f"  {mark} {finding.id:<20}", style=style)
        line.append(f" {finding.seconds:5.1f} s  ", style="dim")
        line.append(finding.message, style="")
        line.truncate(max(40, self._console.width - 1), overflow="ellipsis")
        self._console.print(line)

    def kept(self, container: str) -> None:
        """Name the container that --keep leaves standing."""
        self._console.print(
            Text(f"  kept: docker exec -it {container} sh; docker rm -fv {container}")
        )

    def _line(self, what: str) -> Text:
        seconds = time.monotonic() - self._begun
        return Text(f"{self._what}: {what} ({seconds:.0f} s)")
