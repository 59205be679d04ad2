"""Where the passphrase of a private key comes from: never from the command line itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from certify.model.errors import BadKey

F = TypeVar("F", bound=Callable[..., Any])

VARIABLE = "CERTIFY_PASSPHRASE"

passphrase_option = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"Its first line opens the private key; default: {VARIABLE}, or the terminal.",
)


def reads_passphrase(file: Path | None) -> Callable[[], bytes]:
    """Gives the passphrase of a key when it is needed. Raises :class:`BadKey` if there is none."""
    return lambda: _found(file) or _asked("Passphrase of the private key", again=False)


def new_passphrase(file: Path | None) -> bytes:
    """The passphrase for a new key; typed twice at the terminal. Raises :class:`BadKey`."""
    return _found(file) or _asked("Passphrase for the new private key", again=True)


def _found(file: Path | None) -> bytes | None:
    if file is None:
        return os.environb.get(VARIABLE.encode()) or None
    try:
        with file.open("rb") as opened:
            line = opened.readline(64 * 1024).rstrip(b"\r\n")
    except OSError as error:
        raise BadKey(f"--passphrase-file {file}: {error.strerror}") from error
    if not line:
        raise BadKey(f"--passphrase-file {file}: its first line is empty")
    return line


def _asked(prompt: str, *, again: bool) -> bytes:
    if not sys.stdin.isatty():
        raise BadKey(
            "the private key needs a passphrase, and there is no terminal to ask at",
            remedy=f"Set {VARIABLE}, or name a file with --passphrase-file.",
        )
    try:
        typed: str = click.prompt(prompt, hide_input=True, confirmation_prompt=again, err=True)
    except click.Abort as abort:  # by Ctrl-C, or Ctrl-D
        raise KeyboardInterrupt from abort
    return typed.encode()
