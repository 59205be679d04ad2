"""Options of commands that publish: signing, and attaching what was signed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from certify.cli.passphrase import passphrase_option, reads_passphrase
from certify.model.errors import UsageError
from certify.registry.credentials import configuration, login
from certify.signing.attachments import Attachment, attach_everywhere
from certify.signing.keys import Private, read_private
from certify.util.text import printable

F = TypeVar("F", bound=Callable[..., Any])


def signing_options(function: F) -> F:
    """``--sign``, ``--passphrase-file``, ``--unsigned`` and ``--attach``."""
    for option in (
        click.option(
            "--attach", "attaching", is_flag=True,
            help="Attach what is signed to the images in their registries.",
        ),
        click.option(
            "--unsigned", is_flag=True,
            help="Publish without a signature, although the list before had one.",
        ),
        passphrase_option,
        click.option(
            "--sign", type=click.Path(path_type=Path), metavar="KEY",
            help="Sign with this private key; see `certify keys new`.",
        ),
    ):  # fmt: skip
        function = option(function)
    return function


def private_key(
    sign: Path | None, passphrase_file: Path | None, *, unsigned: bool, attaching: bool
) -> Private | None:
    """The key to sign with, if one was named. Raises :class:`UsageError` for what does not fit."""
    if sign is None:
        if attaching:
            raise UsageError(
                "--attach needs --sign: what is not signed is worth nothing in a registry."
            )
        return None
    if unsigned:
        raise UsageError("--sign and --unsigned exclude each other.")
    key = read_private(sign, reads_passphrase(passphrase_file))
    for secret in filter(None, (sign, passphrase_file)):
        _tell_if_open(secret)
    if attaching:
        configuration()  # so that one which cannot be read is told before anything is published
    return key


def _tell_if_open(secret: Path) -> None:
    if secret.is_file() and secret.stat().st_mode & 0o077:
        name = printable(str(secret))
        click.echo(f"certify: others may read {name}: `chmod 600 {name}`", err=True)


def attach_all(attachments: Sequence[Attachment]) -> bool:
    """Attach, and tell how it went: false if any registry kept from it."""
    new, troubles = attach_everywhere(attachments, login)
    click.echo(f"certify: {new} attached, {len(attachments) - new} not new", err=True)
    for trouble in troubles:
        click.echo(f"certify: {printable(trouble.message)}", err=True)
        if trouble.remedy:
            click.echo(f"  {printable(trouble.remedy)}", err=True)
    return not troubles
