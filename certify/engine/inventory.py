"""Takes the inventory of an image: one command in its shell, or one in a container of its own."""

from __future__ import annotations

from typing import Any

from certify.engine import packages
from certify.engine.client import Engine
from certify.engine.errors import translate_errors
from certify.engine.own_command import run_by_entrypoint
from certify.model.inventory import MARK

LIMIT = 1_000_000
"""The most bytes that an image may print for it."""
SECONDS = 15.0


def script() -> str:
    """Return the command: only builtins, but for the package manager's own program."""
    return f"""\
{{ echo {MARK}os
while read -r line; do echo "$line"; done </etc/os-release
echo {MARK}user
while IFS=: read -r name hash uid gid rest; do
  echo "$name $uid:$gid ${{rest##*:}}"
done </etc/passwd
echo {MARK}unit
cd /etc/systemd/system && for unit in *.wants/* *.requires/*; do
  case $unit in *"*"*) ;; *) echo "${{unit##*/}}" ;; esac
done
echo {MARK}package
{packages.for_family(lambda each: each.installed)}
}} 2>/dev/null
:"""


def inventory_as_shipped(engine: Engine, image: str, platform: str | None) -> str:
    """Return what the command prints in a new container, without a network.

    Raises :class:`~certify.model.errors.Trouble`.
    """
    return run_by_entrypoint(
        engine, image, ["-c", script()], seconds=SECONDS, platform=platform,
        entrypoint="/bin/sh", lines=50_000,
    )[:LIMIT]  # fmt: skip


def configuration_of(engine: Engine, image: str) -> dict[str, Any]:
    """Return the image's own ``Config``. Raises :class:`~certify.model.errors.Trouble`."""
    with translate_errors("the configuration of the image"):
        return engine.image_configuration(image)
