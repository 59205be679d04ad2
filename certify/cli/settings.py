"""``certify settings``: the settings that hold, and where each is from."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from certify.cli.defaults import TOP, Key, Setting, find, parameters_of, read, takes
from certify.cli.output import format_option, print_json
from certify.util.text import one_line, without_passwords

SCHEMA = "certify/settings/v1"
DEFAULT = "default"
WIDEST = 30
"""The width of the column of values; what is longer pushes its neighbour aside."""
LONGEST = 1000


@click.command()
@click.option(
    "--all", "everything", is_flag=True, help="Also those of single commands, by default."
)
@format_option(SCHEMA)
@click.pass_context
def settings(ctx: click.Context, *, everything: bool, output_format: str) -> None:
    """Show which settings hold, and where each is from.

    They are from certify.toml or pyproject.toml, found upwards from the working directory, and
    from CERTIFY_ variables, which are stronger. A command line is stronger than both.

    \b
    Example:
      certify settings
    """
    group = ctx.find_root().command
    assert isinstance(group, click.Group)
    commands = {name: group.commands[name] for name in group.commands}
    holding = {each.key: each for each in read(commands, commands)}
    # A command's table may also set what several commands share, for this command alone.
    known = _defaults(commands) | holding
    shown = [known[key] for key in sorted(known, key=lambda key: (len(key), key))]
    shown = [each for each in shown if everything or not each.key[1:] or each.key in holding]
    if output_format == "json":
        fields = [
            {"key": ".".join(each.key), "value": each.value, "from": each.origin}
            for each in map(_without_secrets, shown)
        ]
        print_json(SCHEMA, {"settings": fields})
        return
    found = find()
    click.echo(f"file: {os.path.relpath(found[0]) if found else 'none'}")
    rows = [
        (".".join(each.key), one_line(_text(each.value), LONGEST), one_line(each.origin, LONGEST))
        for each in map(_without_secrets, shown)
    ]
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    click.secho(f"{'setting':<{first}}  {'value':<{min(second, WIDEST)}}  from", bold=True)
    for name, value, origin in rows:  # a path or an address that is too long runs on
        click.echo(f"{name:<{first}}  {value:<{min(second, WIDEST)}}  {origin}")


def _defaults(commands: Mapping[str, click.Command]) -> dict[Key, Setting]:
    """Return every setting with the option's own default."""
    found: dict[Key, Setting] = {}
    for name, command in commands.items():
        for key, parameter in parameters_of(command).items():
            shared = key in TOP and takes(command, key)
            place = (key,) if shared else (name, key)
            if shared or name not in TOP:
                value = parameter.get_default(click.Context(command))
                known = isinstance(value, Path | str | int | float | tuple)
                found[place] = Setting(place, _plain(value) if known else None, DEFAULT)
    return found


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return " ".join(map(str, value)) or "–"
    if isinstance(value, bool):
        return str(value).lower()
    return "–" if value is None else str(value)


def _without_secrets(setting: Setting) -> Setting:
    """Return a setting without the passwords and tokens in addresses and variables."""
    value = setting.value
    if setting.key[-1] == "env" and value:
        value = [re.sub("(?s)=.*", "=***", str(each)) for each in value]
    elif setting.key[-1] == "notify":
        value = [f"{str(url).partition('://')[0]}://***" for url in value or ()]
    return Setting(setting.key, _without_logins(value), setting.origin)


def _without_logins(value: Any) -> Any:
    """Return a value without the passwords in addresses, and without tokens before a web host."""
    if isinstance(value, list | tuple):
        return [_without_logins(each) for each in value]
    if not isinstance(value, str):
        return value
    return re.sub("(?i)(https?://)[^/:@?#]+@(?![^/?#]*@)", r"\1***@", without_passwords(value))
