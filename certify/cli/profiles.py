"""``certify profiles [NAME]``: list the profiles, or show one."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from certify.judge.profiles import Profile, load, shipped
from certify.model.terms import Level
from certify.suite.profile_selection import select_profile


@click.command()
@click.argument("name", metavar="[NAME|FILE]", required=False)
def profiles(name: str | None) -> None:
    """List the profiles, or show what one requires and recommends.

    A file is read and shown like one that ships, so that you see what it amounts to.

    \b
    Examples:
      certify profiles
      certify profiles devspace
      certify profiles ./mine.toml
    """
    console = Console(highlight=False)
    if name is not None:
        _show(select_profile(name), console)
        return
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    for each in map(load, shipped()):
        counts = f"{len(each.required)} required, {len(each.recommended)} recommended"
        table.add_row(Text(each.name, style="bold"), Text(each.title), Text(counts, style="dim"))
    console.print(table)


def _show(profile: Profile, console: Console) -> None:
    console.print(Text(profile.name, style="bold"), Text(f"· {profile.title}"))
    console.print(Text(profile.description))
    console.print(Text(f"Source: {profile.source}", style="dim"))
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    if profile.extends:
        table.add_row(Text("extends", style="dim"), Text(profile.extends))
    table.add_row(Text("launch", style="dim"), Text(profile.launch))
    if profile.install:
        table.add_row(Text("installs", style="dim"), Text(", ".join(profile.install)))
    for level in Level:
        ids = [check_id for check_id in profile.checks if profile.level(check_id) is level]
        for group in dict.fromkeys(each.partition(".")[0] for each in ids):
            names = [each for each in ids if each.startswith(f"{group}.")]
            if names:
                table.add_row(Text(level.value, style="dim"), Text(" ".join(names)))
    for budget, seconds in profile.budgets.model_dump().items():
        table.add_row(Text(f"budget {budget}", style="dim"), Text(f"{seconds:g} s"))
    console.print(table)
