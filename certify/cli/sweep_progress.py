"""How a sweep goes on, on standard error: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from certify.cli.terminal import Display, is_live, standard_error
from certify.model.finding import Claim, Finding
from certify.model.result import Result
from certify.publish import phrases
from certify.publish.text import STATUS_STYLES
from certify.sweep.units import Unit

STEP = 21
"""Cells of the longest step."""
ASIDE = STEP + 13
"""Cells of a row beside its name: its step, the time of a long one, and gaps."""
SPARED = 4
"""Lines of a terminal that rows leave free: the bar, what is not shown, and some of the past."""


@dataclass
class _Row:
    """One unit that is under way. A watcher of its certification."""

    name: str
    step: str
    begun: float = field(default_factory=time.monotonic)

    def phase(self, what: str) -> None:
        """A new step begins."""
        self.step = what

    def finding(self, finding: Finding, claim: Claim | None) -> None:
        """A check has said something; the next step will tell."""

    def kept(self, container: str) -> None:
        """Sweeps keep no containers."""


class SweepProgress(Display):
    """The observer of one sweep."""

    def __init__(self, due: Sequence[Unit]) -> None:
        self._console = standard_error()
        self._rows: dict[object, _Row] = {}
        self._lock = threading.Lock()
        self._total, self._done = sum(len(unit.profiles) for unit in due), 0
        self._profiles_differ = len({_profiles(unit) for unit in due}) > 1
        self._begun = self._latest = time.monotonic()
        self._live = (
            Live(get_renderable=self._render, console=self._console, transient=True)
            if is_live(self._console)
            else None
        )

    @contextlib.contextmanager
    def pulling(self, unit: Unit) -> Iterator[None]:
        """A row for as long as the image of a unit is fetched."""
        with self._lock:
            self._rows["pull", id(unit)] = self._row(unit, "pulling")
        try:
            yield
        finally:
            with self._lock:
                del self._rows["pull", id(unit)]

    def watcher(self, unit: Unit) -> _Row:
        """A row for a unit that begins."""
        row = self._row(unit, "starting")
        with self._lock:
            self._rows[id(unit)] = row
        return row

    def ended(self, unit: Unit, results: Sequence[Result]) -> None:
        """Its row gives way to lines that stay, one for each name and profile."""
        self._latest = time.monotonic()
        with self._lock:
            row = self._rows.pop(id(unit), None)
        took = phrases.seconds(self._latest - row.begun if row else 0.0)
        counted: set[str] = set()
        for result in results:
            if result.profile not in counted:  # another name is no further answer
                counted.add(result.profile)
                self._done += 1
            self._console.print(
                Text.assemble(
                    f"[{self._done}/{self._total}] {result.image.reference} [{result.profile}]: ",
                    (phrases.verdict_of(result), STATUS_STYLES[result.verdict.status]),
                    f" ({took})",
                )
            )

    def _row(self, unit: Unit, step: str) -> _Row:
        name = unit.names[0][0].familiar
        return _Row(f"{name} [{_profiles(unit)}]" if self._profiles_differ else name, step)

    def _render(self) -> RenderableType:
        now = time.monotonic()
        with self._lock:
            rows = list(self._rows.values())
        shown = rows[: max(1, self._console.height - SPARED)]
        table = Table.grid(padding=(0, 2, 0, 0), expand=True, pad_edge=False)
        table.add_column(no_wrap=True, ratio=1)
        table.add_column(no_wrap=True, min_width=STEP)  # so that nothing jumps
        table.add_column(no_wrap=True, justify="right", min_width=4)
        for row in shown:
            name = phrases.shorten_middle(row.name, max(10, self._console.width - ASIDE))
            table.add_row(Text(name), Text(row.step, "dim"), Text(clock(now - row.begun), "dim"))
        lines: list[RenderableType] = [table] if shown else []
        if len(rows) > len(shown):
            lines.append(Text(f"and {len(rows) - len(shown)} more", "dim"))
        left = time_left(self._done, self._total, self._latest - self._begun, now - self._begun)
        bar = Table.grid(padding=(0, 1, 0, 0), expand=True)
        bar.add_column(ratio=1)
        bar.add_column(no_wrap=True)
        bar.add_row(
            ProgressBar(self._total, self._done),
            Text(" · ".join(filter(None, (f"{self._done}/{self._total}", left)))),
        )
        return Group(*lines, bar)


def time_left(done: int, total: int, latest: float, elapsed: float) -> str:
    """``about 12 min left``, at the pace so far; nothing before there is one, or if it is up.

    ``latest`` and ``elapsed`` are the seconds from the start to the latest answer, and to now.
    """
    left = latest / done * total - elapsed if done else 0.0
    if left < 1 or done == total:
        return ""
    if left < 90:
        return f"about {left:.0f} s left"
    return f"about {left / 60:.0f} min left" if left < 5400 else f"about {left / 3600:.1f} h left"


def clock(seconds: float) -> str:
    """``0:05``, ``12:34``, ``1:02:03``: of a width that changes seldom."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _profiles(unit: Unit) -> str:
    return ", ".join(profile.name for profile in unit.profiles)
