"""``certify clean``: remove what crashed runs left."""

from __future__ import annotations

import click

from certify.engine import notify_socket, reaper
from certify.engine.client import Engine
from certify.sweep import image_cache


@click.command()
@click.option(
    "--all", "everything", is_flag=True,
    help="Also what runs on other machines, or still runs, has created.",
)  # fmt: skip
def clean(*, everything: bool) -> None:
    """Remove containers, volumes, networks, images and folders that crashed runs left.

    Only objects that carry certify's own labels are touched (and images that it pulled
    for a sweep, and folders for temporary files, which it marks), and of those only the ones
    whose process is gone.

    \b
    Example:
      certify clean
    """
    with Engine.connect() as engine:
        count = reaper.remove_orphans(engine, everything=everything)
        count += image_cache.remove_orphans(engine, everything=everything)
    count += notify_socket.remove_orphans(everything=everything)
    click.echo(f"removed {count} object{'' if count == 1 else 's'}")
