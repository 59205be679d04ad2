"""``certify help [COMMAND]``: the help of certify or of one command."""

from __future__ import annotations

import click

from certify.cli.output import format_option, print_json

SCHEMA = "certify/help/v1"


@click.command
@click.argument("command", required=False)
@format_option(SCHEMA)
@click.pass_context
def help(ctx: click.Context, *, command: str | None, output_format: str) -> None:
    """Show the help of certify, or of one of its commands.

    \b
    Example:
      certify help sweep
    """
    parent = ctx.parent
    assert parent is not None
    group = parent.command
    assert isinstance(group, click.Group)
    text = parent.get_help()
    if command:
        if command not in group.commands:
            raise click.UsageError(f"certify has no command {command!r}.", ctx)
        found = group.commands[command]
        text = found.get_help(click.Context(found, parent, info_name=command))
    if output_format == "json":
        print_json(SCHEMA, {"command": command, "help": text})
    else:
        click.echo(text)
