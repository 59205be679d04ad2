"""``certify checks [ID]``: list the checks, or explain one."""

from __future__ import annotations

from difflib import get_close_matches

import click
from rich.console import Console
from rich.text import Text

from certify.cli.completion import completes
from certify.cli.output import format_option, print_json
from certify.model.errors import UsageError
from certify.model.finding import Claim
from certify.publish.layout import plain_table
from certify.suite.catalogue import claims
from certify.util.text import one_line

SCHEMA = "certify/checks/v1"


@click.command()
@click.argument(
    "check_id", metavar="[ID]", required=False, shell_complete=completes(lambda _: claims())
)
@format_option(SCHEMA)
def checks(*, check_id: str | None, output_format: str) -> None:
    """List the checks, or explain one and its remedy.

    \b
    Examples:
      certify checks
      certify checks dockerd.container
    """
    known = claims()
    if check_id is not None and check_id not in known:
        close = get_close_matches(check_id, known, n=1)
        hint = f"Did you mean {close[0]}? " if close else ""
        raise UsageError(
            f"There is no check {one_line(check_id, limit=60)!r}.",
            remedy=f"{hint}`certify checks` lists them.",
        )
    console = Console(highlight=False)
    if output_format == "json":
        shown = known.values() if check_id is None else [known[check_id]]
        print_json(SCHEMA, {"checks": [_fields(claim) for claim in shown]})
    elif check_id is None:
        table = plain_table()
        for claim in known.values():
            table.add_row(Text(claim.id, style="bold"), Text(claim.claim))
        console.print(table)
    else:
        _explain(known[check_id], console)


def _explain(claim: Claim, console: Console) -> None:
    console.print(Text(claim.id, style="bold"), Text(f"· {claim.title}"))
    rows = [("Claim", claim.claim), ("Why", claim.why), ("How", claim.how)]
    if claim.needs:
        rows.append(("Needs", ", ".join(claim.needs)))
    rows.append(("Remedy", claim.remedy))
    table = plain_table()
    for label, text in rows:
        table.add_row(Text(label, style="dim"), Text(text))
    console.print(table)


def _fields(claim: Claim) -> dict[str, object]:
    fields = claim.model_dump(mode="json", exclude={"level"})
    return {"id": claim.id, "group": claim.group, **fields}
