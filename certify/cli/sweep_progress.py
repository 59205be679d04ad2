"""The progress of a sweep on standard error: a live table on a terminal, else plain lines."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from certify.certification.events import Events
from certify.cli.progress import Display, is_live, standard_error
from certify.model.result import Result
from certify.publish import phrases
from certify.publish.text import STATUS_STYLES
from certify.sweep.units import STARTING, WAITING, Unit
from certify.util.text import counted, one_line

STEP = 21
"""The width of the longest phase, in cells."""
ASIDE = STEP + 13
"""The width of a row without its name: phase, a long time, and gaps."""
SPARED = 4
"""The lines of a terminal that stay free of rows, for the bar and some earlier lines."""


@dataclass(eq=False)
class _Row(Events):
    """The row of one unit, shown while anything happens to it."""

    name: str
    print_results: Callable[[_Row, Sequence[Result]], None]
    step: str = WAITING
    begun: float = field(default_factory=time.monotonic)

    def phase(self, name: str) -> None:
        """Show the phase; pulling and certifying are timed separately."""
        if self.step == WAITING or name == STARTING:
            self.begun = time.monotonic()
        self.step = name

    def results(self, results: Sequence[Result]) -> None:
        """Replace the row by lines that stay, one for each name and profile."""
        self.print_results(self, results)


class SweepProgress(Display):
    """The display of one sweep."""

    def __init__(self, due: Sequence[Unit], *, quiet: bool = False) -> None:
        self._console = standard_error(quiet=quiet)
        self._rows: list[_Row] = []
        self._lock = threading.Lock()
        self._total, self._done = sum(len(unit.profiles) for unit in due), 0
        self._profiles_differ = len({_profiles(unit) for unit in due}) > 1
        self._begun = self._latest = time.monotonic()
        self._live = (
            Live(get_renderable=self._render, console=self._console, transient=True)
            if is_live(self._console)
            else None
        )

    def events(self, unit: Unit) -> Events:
        """Return the receiver of a unit's events: its row in the table."""
        name = unit.name.familiar
        if self._profiles_differ:
            name = f"{name} [{_profiles(unit)}]"
        row = _Row(name, self._print_results)
        with self._lock:
            self._rows.append(row)
        return row

    def elsewhere(self, unit: Unit) -> None:
        """Tell that another sweep has recorded results of a unit."""
        with self._lock:
            self._done += len(unit.profiles)
        self._console.print(
            f"[{self._done}/{self._total}] {unit.name.familiar} [{_profiles(unit)}]: "
            "certified by another sweep meanwhile",
            markup=False,
        )

    def waits(self, count: int, holders: Collection[str]) -> None:
        """Tell that only so many units are left, all of which other sweeps certify."""
        names = ", ".join(one_line(each) for each in sorted(holders))  # whoever wrote the ledger
        sweeps = f"{'a sweep' if len(holders) == 1 else 'sweeps'} of {names}"
        verb = "certifies" if len(holders) == 1 else "certify"
        self._console.print(
            Text(f"certify: waiting for {counted(count, 'image')} that {sweeps} {verb} now")
        )

    def _print_results(self, row: _Row, results: Sequence[Result]) -> None:
        self._latest = time.monotonic()
        with self._lock:
            self._rows.remove(row)
        took = phrases.seconds(self._latest - row.begun)
        seen: set[str] = set()
        for result in results:
            if result.profile not in seen:  # another name counts as the same result
                seen.add(result.profile)
                with self._lock:
                    self._done += 1
            self._console.print(
                Text.assemble(
                    f"[{self._done}/{self._total}] {result.image.reference} [{result.profile}]: ",
                    (phrases.verdict_of(result), STATUS_STYLES[result.verdict.status]),
                    f" ({took})",
                )
            )

    def _render(self) -> RenderableType:
        now = time.monotonic()
        with self._lock:
            rows = [row for row in self._rows if row.step != WAITING]
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
    """Return a text such as ``about 12 min left``, at the pace so far.

    ``latest`` and ``elapsed`` are the seconds from the start to the latest result, and to now. The
    text is empty before the first result, and once the estimated time is over.
    """
    left = latest / done * total - elapsed if done else 0.0
    if left < 1 or done == total:
        return ""
    if left < 90:
        return f"about {left:.0f} s left"
    return f"about {left / 60:.0f} min left" if left < 5400 else f"about {left / 3600:.1f} h left"


def clock(seconds: float) -> str:
    """Return a time such as ``0:05``, ``12:34`` or ``1:02:03``, whose width seldom changes."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _profiles(unit: Unit) -> str:
    return ", ".join(profile.name for profile in unit.profiles)
