"""``certify checks [ID]``: list the checks, or explain one."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from certify.cli.unknown_names import unknown_name
from certify.model.errors import UsageError
from certify.suite.catalogue import claims


@click.command()
@click.argument("check_id", metavar="[ID]", required=False)
def checks(check_id: str | None) -> None:
    """List the checks, or explain one: claim, why, how it is checked, remedy.

    \b
    Examples:
      certify checks
      certify checks dockerd.container
    """
    known = claims()
    console = Console(highlight=False)
    if check_id is None:
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        table.add_column(no_wrap=True)
        table.add_column()
        for claim in known.values():
            table.add_row(Text(claim.id, style="bold"), Text(claim.claim))
        console.print(table)
        return
    if check_id not in known:
        raise UsageError(**unknown_name("check", check_id, known))
    claim = known[check_id]
    console.print(Text(claim.id, style="bold"), Text(f"· {claim.title}"))
    rows = [("Claim", claim.claim), ("Why", claim.why), ("How", claim.how)]
    if claim.needs:
        rows.append(("Needs", ", ".join(claim.needs)))
    rows.append(("Remedy", claim.remedy))
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for label, text in rows:
        table.add_row(Text(label, style="dim"), Text(text))
    console.print(table)
