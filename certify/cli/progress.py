"""What happens while it happens, on standard error: live on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time

from rich.text import Text

from certify.cli.terminal import Display, is_live, standard_error
from certify.model.finding import Claim, Finding
from certify.model.terms import Outcome

_MARKS = {
    Outcome.PASSED: ("✓", "green"),
    Outcome.FAILED: ("✗", "red"),
    Outcome.SKIPPED: ("–", "dim"),
    Outcome.UNKNOWN: ("?", "yellow"),
}


class Progress(Display):
    """A watcher of one certification."""

    def __init__(self, image: str, profile: str) -> None:
        self._what = f"{image} · {profile}"
        self._begun = time.monotonic()
        self._console = standard_error()
        line = self._line("starting")
        self._live = self._console.status(line) if is_live(self._console) else None
        if self._live is None:
            self._console.print(line)

    def phase(self, what: str) -> None:
        """Show the step that begins."""
        if self._live is not None:
            self._live.update(self._line(what))
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
