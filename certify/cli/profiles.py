"""``certify profiles [NAME]``: list the profiles, or show one."""

from __future__ import annotations

import click
from rich.console import Console
from rich.text import Text

from certify.cli.completion import completes
from certify.cli.output import format_option, print_json
from certify.judge.groups import group_of
from certify.judge.profile import Profile
from certify.judge.profiles import load, shipped
from certify.model.terms import Level
from certify.publish.layout import Paragraph, plain_table
from certify.suite.profile_selection import select_profile

SCHEMA = "certify/profiles/v1"


@click.command()
@click.argument(
    "name", metavar="[NAME|FILE]", required=False, shell_complete=completes(lambda _: shipped())
)
@format_option(SCHEMA)
def profiles(*, name: str | None, output_format: str) -> None:
    """List the profiles, or show the requirements of one.

    A file is read and shown like a profile that ships with certify.

    \b
    Examples:
      certify profiles
      certify profiles devspace
      certify profiles ./mine.toml
    """
    found = [select_profile(name)] if name is not None else [load(each) for each in shipped()]
    console = Console(highlight=False)
    if output_format == "json":
        print_json(SCHEMA, {"profiles": [each.model_dump(mode="json") for each in found]})
    elif name is not None:
        _show(found[0], console)
    else:
        table = plain_table()
        for each in found:
            counts = f"{len(each.required)} required, {len(each.recommended)} recommended"
            title = Text(each.title)
            table.add_row(Text(each.name, style="bold"), title, Text(counts, style="dim"))
        console.print(table)


def _show(profile: Profile, console: Console) -> None:
    console.print(Text(profile.name, style="bold"), Text(f"· {profile.title}"))
    console.print(Paragraph(Text(profile.description)), crop=False)
    console.print(Paragraph(Text(f"Source: {profile.source}", "dim")), crop=False)
    table = plain_table()
    if profile.extends:
        table.add_row(Text("extends", style="dim"), Text(profile.extends))
    table.add_row(Text("launch", style="dim"), Text(profile.launch))
    if profile.install:
        table.add_row(Text("installs", style="dim"), Text(", ".join(profile.install)))
    for level in Level:
        ids = [check_id for check_id in profile.checks if profile.level(check_id) is level]
        for group in dict.fromkeys(map(group_of, ids)):
            names = " ".join(each for each in ids if group_of(each) == group)
            table.add_row(Text(level.value, style="dim"), Text(names))
    for budget, seconds in profile.budgets.model_dump().items():
        table.add_row(Text(f"budget {budget}", style="dim"), Text(f"{seconds:g} s"))
    console.print(table)
