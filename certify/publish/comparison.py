"""A table of one image before and after its fix."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from certify.model.result import Result
from certify.model.terms import Outcome
from certify.publish import phrases
from certify.util.text import one_line


def print_comparison(before: Result, after: Result, console: Console) -> None:
    """Print two results side by side, at most 80 columns wide."""
    table = Table(box=None, padding=(0, 2, 0, 0), width=min(console.width, 80))
    table.add_column()
    for heading in ("before", "after"):
        table.add_column(heading, overflow="fold", ratio=1)
    for name, old, new in zip(ROWS, _cells(before), _cells(after), strict=True):
        changed = "" if old == new else "bold"
        table.add_row(Text(name, "dim"), Text(old), Text(new, changed))
    console.print(table)


ROWS = ("image", "verdict", "grade", "provision", "boot", "dockerd", "failed")


def _cells(result: Result) -> tuple[str, ...]:
    startup = result.startup
    failed = [check.id for check in result.checks if check.outcome is Outcome.FAILED]
    times = (startup.provision_seconds, startup.boot_seconds, startup.dockerd_seconds)
    return (
        one_line(result.image.reference),
        result.verdict.status.value,
        result.verdict.grade.value if result.verdict.grade else "–",
        *("–" if each is None else phrases.seconds(each) for each in times),
        ", ".join(map(one_line, failed)) or "none",
    )
