"""Options of the commands that publish: signing, and attaching what was signed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from certify.approved.previous import Signing
from certify.cli.output import inform
from certify.cli.parameters import grouped
from certify.cli.passphrase import passphrase_option, passphrase_reader
from certify.model.errors import UsageError
from certify.registry.credentials import configuration, login
from certify.signing.attachments import Attachment, attach_to_registries
from certify.signing.keys import PrivateKey, read_private
from certify.util.text import printable


@dataclass(frozen=True, slots=True)
class SigningOptions:
    """The options of a command line, as parsed."""

    sign: Path | None
    passphrase_file: Path | None
    unsigned: bool
    attach: bool

    def resolve(self) -> Signing:
        """Read the private key, if one is named.

        Raises :class:`UsageError` if the options contradict each other or a file cannot be read.
        """
        if self.attach and self.sign is None:
            raise UsageError(
                "--attach needs --sign: an unsigned statement proves nothing in a registry",
                remedy="Name the private key: --sign team.key. `certify keys new` makes one.",
            )
        if self.unsigned and self.sign is not None:
            raise UsageError(
                "--sign and --unsigned exclude each other", remedy="Leave one of them out."
            )
        return Signing(self._key(self.sign) if self.sign else None, self.unsigned, self.attach)

    def _key(self, path: Path) -> PrivateKey:
        key = read_private(path, passphrase_reader(self.passphrase_file))
        for secret in filter(None, (path, self.passphrase_file)):
            _warn_if_readable(secret)
        if self.attach:
            configuration()  # report logins that cannot be read before anything is published
        return key


signing_options = grouped(
    "signing",
    SigningOptions,
    click.option(
        "--sign", type=click.Path(path_type=Path), metavar="KEY",
        help="Sign with this private key; see `certify keys new`.",
    ),
    passphrase_option,
    click.option(
        "--unsigned", is_flag=True,
        help="Publish without a signature even if the previous list had one.",
    ),
    click.option(
        "--attach", is_flag=True,
        help="Attach the signed statements to the images in their registries.",
    ),
)  # fmt: skip
"""Adds the options; the command gets :class:`SigningOptions` as ``signing``."""


def attach_all(attachments: Sequence[Attachment]) -> bool:
    """Attach statements to their images and report that; return False if any registry failed."""
    new, troubles = attach_to_registries(attachments, login)
    inform(f"{new} attached, {len(attachments) - new} already there")
    for trouble in troubles:
        inform(printable(trouble.message))
        if trouble.remedy:
            click.echo(f"  {printable(trouble.remedy)}", err=True)
    return not troubles


def _warn_if_readable(secret: Path) -> None:
    if secret.is_file() and secret.stat().st_mode & 0o077:
        name = printable(str(secret))
        inform(f"others may read {name}: `chmod 600 {name}`")
