"""``certify help [TOPIC]``: the help of certify or of a command, or a page of the documentation."""

from __future__ import annotations

import difflib
import os
import re
import sys
import textwrap
from importlib import resources
from pathlib import Path

import click

from certify.cli.completion import completes
from certify.cli.output import format_option, hanging, print_json

SCHEMA = "certify/help/v1"
ITEM = re.compile(r" *(- |\d+\. )")
"""Beginning of an item of a list."""


def pages() -> dict[str, Path]:
    """Return the pages of the documentation by name; a wheel has them inside the package."""
    packaged = Path(str(resources.files("certify"))) / "docs"
    folder = packaged if packaged.is_dir() else packaged.parent.parent / "docs"
    return {page.stem: page for page in sorted(folder.glob("[a-z]*.md"))}


def topics(ctx: click.Context) -> list[str]:
    """Return the names of commands and pages."""
    group = ctx.find_root().command
    assert isinstance(group, click.Group)
    return sorted({*group.commands, *pages()})


def readable(page: str, width: int) -> str:
    """Return a page of Markdown for a terminal: its prose is wrapped; code and tables stay."""
    shown: list[str] = []
    prose: list[str] = []
    fenced = False
    for line in [*page.split("\n"), ""]:
        fence = line.startswith("```")
        flows = bool(line.strip()) and not (fenced or fence or line.startswith(("|", "#")))
        if prose and not (flows and not ITEM.match(line)):
            item = ITEM.match(prose[0])
            mark = item[0] if item else ""
            text = " ".join(map(str.strip, prose)).removeprefix(mark.strip()).lstrip()
            shown.append(hanging(text, width, mark, " " * len(mark)))
            prose = []
        if flows:
            prose.append(line)
        else:
            shown.append(line)
        fenced ^= fence
    return "\n".join(shown[:-1])


@click.command
@click.argument("topic", required=False, shell_complete=completes(topics))
@format_option(SCHEMA)
@click.pass_context
def help(ctx: click.Context, *, topic: str | None, output_format: str) -> None:
    """Show the help of a command, or a page of the documentation.

    A command that has a page, too, shows its help: add `.md` to read the page.

    \b
    Example:
      certify help sweep
      certify help alerts
      certify help fix.md
    """
    parent = ctx.parent
    assert parent is not None
    group = parent.command
    assert isinstance(group, click.Group)
    name = (topic or "").removeprefix("docs/")
    page = pages().get(name.removesuffix(".md"))
    if not topic:
        names = f"Pages: {', '.join(pages())}"
        listed = textwrap.fill(names, 78, subsequent_indent="  ", break_on_hyphens=False)
        text = f"{parent.get_help()}\n\n{listed}"
    elif name in group.commands:
        found = group.commands[name]
        text = found.get_help(click.Context(found, parent, info_name=name))
    elif page:
        text = page.read_text("utf-8").rstrip()
        if sys.stdout.isatty() and output_format == "text":
            text = readable(text, os.get_terminal_size(sys.stdout.fileno()).columns or 80)
    else:
        near = difflib.get_close_matches(name, [*group.commands, *pages()], 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise click.UsageError(f"certify has neither a command nor a page {topic!r}.{hint}", ctx)
    if output_format == "json":
        print_json(SCHEMA, {"topic": topic, "help": text})
    else:
        click.echo(text)
