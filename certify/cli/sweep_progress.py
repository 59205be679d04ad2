"""How a sweep goes on, on standard error: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from certify.model import Claim, Finding, Result
from certify.publish.phrases import verdict_of
from certify.sweep import Unit


@dataclass
class _Row:
    """One unit that is under way. A watcher of its certification."""

    name: str
    begun: float
    step: str = "starting"

    def phase(self, what: str) -> None:
        """A new step begins."""
        self.step = what

    def finding(self, finding: Finding, claim: Claim | None) -> None:
        """A check has said something; the next step will tell."""

    def kept(self, container: str) -> None:
        """Sweeps keep no containers."""


class SweepProgress:
    """A context manager, and the observer of one sweep."""

    def __init__(self, total: int) -> None:
        self._console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
        self._rows: dict[int, _Row] = {}
        self._lock = threading.Lock()
        self._total, self._done = total, 0
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(None), MofNCompleteColumn(),
            TextColumn("time left"), TimeRemainingColumn(), console=self._console,
        )  # fmt: skip
        self._task = self._bar.add_task("sweep", total=total)
        live = self._console.is_terminal and not os.environ.get("CI")
        self._live = Live(get_renderable=self._render, console=self._console) if live else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def watcher(self, unit: Unit) -> _Row:
        """A row for a unit that begins."""
        row = _Row(_name(unit), time.monotonic())
        with self._lock:
            self._rows[id(unit)] = row
        return row

    def ended(self, unit: Unit, results: Sequence[Result]) -> None:
        """Its row gives way to a line that stays."""
        with self._lock:
            row = self._rows.pop(id(unit), None)
            self._done += 1
        self._bar.update(self._task, completed=self._done)
        seconds = time.monotonic() - row.begun if row else 0.0
        for result in results:
            words = f"{result.image.reference} [{result.profile}]: {verdict_of(result)}"
            line = Text(f"[{self._done}/{self._total}] {words} ({seconds:.1f} s)")
            self._console.print(line)

    def _render(self) -> RenderableType:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        with self._lock:
            rows = list(self._rows.values())
        for row in rows:
            elapsed = f"{time.monotonic() - row.begun:.0f} s"
            table.add_row(Text(row.name), Text(row.step, "dim"), Text(elapsed, "dim"))
        return Group(table, self._bar)


def _name(unit: Unit) -> str:
    profiles = ", ".join(profile.name for profile in unit.profiles)
    return f"{unit.names[0][0].familiar} [{profiles}]"
