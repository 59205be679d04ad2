"""Progress on standard error: live on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import time
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.status import Status
from rich.text import Text

from certify.certification.events import Events
from certify.model.finding import Claim, Finding
from certify.model.terms import Outcome
from certify.publish.phrases import OUTCOME_MARKS
from certify.publish.problems import MARK_STYLES
from certify.util.text import counted


class Display:
    """A context manager that draws a live display during the block, if it has one."""

    _live: Live | Status | None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._live is not None:
            self._live.stop()


class RunProgress(Display, Events):
    """The progress of one certification."""

    def __init__(self, title: str, *, quiet: bool = False) -> None:
        self._title = title
        self._began = time.monotonic()
        self._console = standard_error(quiet=quiet)
        self._skipped = 0
        line = self._line("starting")
        self._live = self._console.status(line) if is_live(self._console) else None
        if self._live is None:
            self._console.print(line)

    def phase(self, name: str) -> None:
        """Show the phase that begins."""
        if self._live is not None:
            self._live.update(self._line(name))
        elif "." not in name:  # a check has its line when it has an outcome
            self._console.print(self._line(name))

    def __exit__(self, *error: object) -> None:
        """Stop the display, and count what was skipped, whose causes have lines of their own."""
        super().__exit__(*error)
        if self._skipped and self._live is None:
            mark = OUTCOME_MARKS[Outcome.SKIPPED]
            line = f"  {mark} {counted(self._skipped, 'check')} skipped"
            self._console.print(Text(line, style=MARK_STYLES[mark]))

    def finding(self, finding: Finding, claim: Claim | None) -> None:
        """Show the outcome of a check; on a terminal only failed and unknown ones stay."""
        mark = OUTCOME_MARKS[finding.outcome]
        if finding.outcome is Outcome.SKIPPED:
            self._skipped += 1
            return
        if self._live and finding.outcome is Outcome.PASSED:
            return
        line = Text(f"  {mark} {finding.id:<20}", style=MARK_STYLES[mark])
        line.append(f" {finding.seconds:5.1f} s  ", style="dim")
        line.append(finding.message, style="")
        line.truncate(max(40, self._console.width - 1), overflow="ellipsis")
        self._console.print(line)

    def container(self, name: str) -> None:
        """Show how to look into the container that --keep leaves running, and to remove it."""
        self._console.print(Text(f"  kept: docker exec -it {name} sh; docker rm -fv {name}"))

    def _line(self, phase: str) -> Text:
        seconds = time.monotonic() - self._began
        return Text(f"{self._title}: {phase} ({seconds:.0f} s)")


def standard_error(*, quiet: bool = False) -> Console:
    """Return the console for progress; a quiet one prints nothing."""
    return Console(file=sys.stderr, highlight=False, soft_wrap=True, quiet=quiet)


def is_live(console: Console) -> bool:
    """Return True if a live display may overwrite what it has printed.

    It may not in a pipe (even with ``FORCE_COLOR``), in a CI system, on a terminal that cannot
    move its cursor, and with ``NO_COLOR``.
    """
    plain = os.environ.get("NO_COLOR") or os.environ.get("CI", "false").lower() not in ("", "false")
    return sys.stderr.isatty() and console.is_interactive and not (plain or console.quiet)
