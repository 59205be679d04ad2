"""``certify clean``: remove what crashed runs left."""

from __future__ import annotations

import click

from certify.cli.output import format_option, print_json
from certify.engine import image_marks, notify_socket, reaper
from certify.engine.client import Engine
from certify.util.text import counted

SCHEMA = "certify/clean/v1"


@click.command()
@click.option(
    "--all", "everything", is_flag=True,
    help="Also remove objects of other machines and of runs in progress.",
)  # fmt: skip
@format_option(SCHEMA)
def clean(*, everything: bool, output_format: str) -> None:
    """Remove what crashed runs left on the container engine.

    These are containers, volumes, networks and images with certify's own labels, images that
    it pulled for a sweep or loaded from a file, and its folders for temporary files, if their
    process has ended.

    \b
    Example:
      certify clean
    """
    with Engine.connect() as engine:
        count = reaper.remove_orphans(engine, kept=True, everything=everything)
        count += image_marks.remove_orphans(engine, everything=everything)
    count += notify_socket.remove_orphans(everything=everything)
    if output_format == "json":
        print_json(SCHEMA, {"removed": count})
    else:
        click.echo(f"removed {counted(count, 'object')}")
