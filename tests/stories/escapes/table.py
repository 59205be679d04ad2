"""``make escapes``: try every technique at every level; print the table, write docs/security.md.

    python -m tests.stories.escapes.table [LEVEL...]

Exit code 0 if the level ``caps`` refuses what it must and ``apparmor`` refuses all, else 1. Only a
run of all levels is written; that of an engine with AppArmor has a table of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from certify.engine.client import Engine
from certify.model.errors import LaunchRefused
from tests.stories.elsewhere import described
from tests.stories.escapes.workshop import CONTROL, LEVELS, Attempt, attempts, techniques

PAGE = Path(__file__).parents[3] / "docs/security.md"
MARK, MARK_OF_APPARMOR = "escapes", "escapes with AppArmor"


def cell(attempt: Attempt | None) -> str:
    """One cell of the table."""
    if attempt is None:
        return "not offered"
    return "**allowed**" if attempt.allowed else "refused"


def table(found: dict[str, dict[str, Attempt]]) -> str:
    """The table, techniques by levels, in Markdown."""
    lines = [
        f"| technique | reaches | {' | '.join(found)} |",
        "| --- | --- |" + " --- |" * len(found),
    ]
    for each in techniques():
        cells = [cell(level.get(each.name)) for level in found.values()]
        lines.append(f"| {each.title} | {each.harm} | {' | '.join(cells)} |")
    return "\n".join(lines)


def written(page: str, block: str, mark: str) -> str:
    """The page with another block between the marks of a suite."""
    begin, end = marks(mark)
    head, _, rest = page.partition(begin)
    _, _, tail = rest.partition(end)
    return f"{head}{begin}\n{block}\n{end}{tail}"


def marks(mark: str) -> tuple[str, str]:
    """The lines around what a suite writes into a page."""
    return f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"


def main(*levels: str) -> int:
    """Try the levels that are named, or all."""
    if strangers := set(levels) - set(LEVELS):
        raise SystemExit(f"no such level: {', '.join(sorted(strangers))}; {', '.join(LEVELS)}")
    found: dict[str, dict[str, Attempt]] = {}
    with Engine.connect() as engine:
        host, mark = described(engine.host()), MARK_OF_APPARMOR if engine.apparmor else MARK
        for level in levels or LEVELS:
            tried = attempts(engine, level)
            if isinstance(tried, LaunchRefused):
                click.echo(f"{level}: not offered: {tried.evidence or tried.message}", err=True)
                tried = {}
            for name, attempt in tried.items():
                word = "allowed" if attempt.allowed else "refused"
                click.echo(f"{level:<12} {name:<18} {word}: {attempt.detail}", err=True)
            found[level] = tried
    block = f"{host}:\n\n{table(found)}"
    click.echo(block)
    if not levels:
        PAGE.write_text(written(PAGE.read_text("utf-8"), block, mark), "utf-8")
    caps = found.get("caps", {})
    open_doors = [t.name for t in techniques() if t.name in caps and caps[t.name].allowed]
    wrong = [t.name for t in techniques() if t.name in open_doors and not t.remains]
    for name in wrong:
        click.echo(f"caps must refuse {name}", err=True)
    for name, attempt in found.get("apparmor", {}).items():
        if attempt.allowed:
            click.echo(f"apparmor must refuse {name}", err=True)
            wrong.append(name)
    return 1 if wrong or not (found.get(CONTROL) or levels) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
