"""``make hostile``: certify images that mean harm; print the table, write the page.

    python -m tests.stories.hostile.table [NAME...]

Exit code 0 if each got a sane verdict in time, the host is unchanged, the reports are well-formed
and nothing is left. What was seen is kept in ``measured.json`` beside this module, and
docs/security.md is written from it.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path

import click

from certify.engine.client import Engine
from tests.stories.elsewhere import described
from tests.stories.escapes.table import written
from tests.stories.hostile.workshop import Seen, certify, images

PAGE = Path(__file__).parents[3] / "docs/security.md"
MARK = "hostile"
MEASURED = Path(__file__).with_name("measured.json")
_LONG = 110


def row(seen: Seen) -> list[str]:
    """Return what the page says of an image."""
    told = seen.told if len(seen.told) <= _LONG else f"{seen.told[:_LONG].rsplit(' ', 1)[0]} …"
    told = re.sub(r"[|<>]", "¦", told)
    return [told, f"{seen.seconds:.0f} s", f"{seen.memory} MiB"]


def table(measured: dict[str, list[str]]) -> str:
    """Return the table of the page."""
    lines = ["| the image | reported | time | memory of certify |", "| --- | --- | --- | --- |"]
    for each in images():
        cells = measured.get(each.name, ["not measured", "", ""])
        lines.append(f"| {each.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(*names: str) -> int:
    """Certify the images that are named, or all."""
    measured, wrong = json.loads(MEASURED.read_text("utf-8")), 0
    chosen = [each for each in images() if not names or each.name in names]
    with Engine.connect() as engine:
        for hostile in chosen:
            with tempfile.TemporaryDirectory(prefix="certify-hostile-") as folder:
                seen = certify(engine, hostile, Path(folder))
            wrong += bool(seen.wrong)
            mark = "✗" if seen.wrong else "✓"
            click.echo(f"{mark} {hostile.name}: {' · '.join(row(seen))}")
            for each in seen.wrong:
                click.echo(f"    {each}")
            measured[hostile.name] = row(seen)
            MEASURED.write_text(json.dumps(measured, indent=1, sort_keys=True) + "\n", "utf-8")
        host = described(engine.host())
    block = f"{host}:\n\n{table(measured)}"
    PAGE.write_text(written(PAGE.read_text("utf-8"), block, MARK), "utf-8")
    click.echo(f"{len(chosen) - wrong} of {len(chosen)} as they must be")
    return 1 if wrong or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
