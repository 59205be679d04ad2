"""The passphrase of a private key: from a file, the environment or the terminal.

It is never an argument, because other users can read command lines.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import click

from certify.model.errors import BadKey

VARIABLE = "CERTIFY_PASSPHRASE"

passphrase_option = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"File whose first line is the passphrase; default: {VARIABLE}, or the terminal.",
)


def passphrase_reader(file: Path | None) -> Callable[[], bytes]:
    """Return a function that reads the passphrase of a key. It raises :class:`BadKey`."""
    return lambda: _read(file) or _prompt("Passphrase of the private key", confirm=False)


def new_passphrase(file: Path | None) -> bytes:
    """Read the passphrase for a new key; at the terminal, twice. Raises :class:`BadKey`."""
    return _read(file) or _prompt("Passphrase for the new private key", confirm=True)


_FILE = "Name a file whose first line is the passphrase, and which only you may read."


def _read(file: Path | None) -> bytes | None:
    if file is None:
        return os.environb.get(VARIABLE.encode()) or None
    try:
        with file.open("rb") as opened:
            line = opened.readline(64 * 1024).rstrip(b"\r\n")
    except OSError as error:
        raise BadKey(f"--passphrase-file {file}: {error.strerror}", remedy=_FILE) from error
    if not line:
        raise BadKey(f"--passphrase-file {file}: its first line is empty", remedy=_FILE)
    return line


def _prompt(text: str, *, confirm: bool) -> bytes:
    if not sys.stdin.isatty():
        raise BadKey(
            "the private key needs a passphrase, and there is no terminal to ask for it",
            remedy=f"Set {VARIABLE}, or name a file with --passphrase-file.",
        )
    try:
        typed: str = click.prompt(text, hide_input=True, confirmation_prompt=confirm, err=True)
    except click.Abort as abort:  # Ctrl-C or Ctrl-D
        raise KeyboardInterrupt from abort
    return typed.encode()
