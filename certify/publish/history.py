"""The history of one image for a terminal: a row per run, and boot times as a line of bars."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from certify.model.result import Result
from certify.publish.layout import Paragraph
from certify.publish.phrases import verdict_of
from certify.publish.text import STATUS_STYLES
from certify.util.text import one_line, short_digest

BARS = "▁▂▃▄▅▆▇█"
ROWS = 20


def sparkline(values: Sequence[float | None]) -> str:
    """Return one bar per value, low or high within their range; ``·`` for None."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, span = min(known), max(known) - min(known)

    def bar(value: float | None) -> str:
        if value is None:
            return "·"
        return BARS[0] if span == 0 else BARS[round((value - low) / span * (len(BARS) - 1))]

    return "".join(map(bar, values))


def print_history(reference: str, results: Sequence[Result], console: Console) -> None:
    """Print the runs of a reference, newest first, in a table per profile and platform."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result.profile, result.image.platform or ""), []).append(result)
    for number, ((profile, platform), runs) in enumerate(groups.items()):
        if number:
            console.print()
        heading = Text(one_line(reference), "bold")
        heading.append(" · ".join(("", one_line(profile), *filter(None, [platform]))), "dim")
        console.print(Paragraph(heading), crop=False)
        console.print(_table(runs))
        if len(runs) > ROWS:
            console.print(Text(f"and {len(runs) - ROWS} earlier runs", "dim"))
        console.print(_trend(runs))


def _table(runs: Sequence[Result]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for header in ("when (UTC)", "image", "verdict", "boot"):
        table.add_column(header, no_wrap=True, justify="right" if header == "boot" else "left")
    for run in runs[:ROWS]:
        boot = run.startup.boot_seconds
        table.add_row(
            f"{run.finished_at:%Y-%m-%d %H:%M}",
            short_digest(run.image.identity or "unknown"),
            Text(verdict_of(run), STATUS_STYLES[run.verdict.status]),
            "" if boot is None else f"{boot:.1f} s",
        )
    return table


def _trend(runs: Sequence[Result]) -> Text:
    oldest_first = sorted(runs, key=lambda run: run.finished_at)
    boots = [run.startup.boot_seconds for run in oldest_first]
    known = [boot for boot in boots if boot is not None]
    if not known:
        return Text("no boot time was recorded", "dim")
    return Text(f"boot {sparkline(boots)}  {min(known):.1f}–{max(known):.1f} s, oldest first")
