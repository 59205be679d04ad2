"""``certify keys``: pairs of keys to sign with, and to check signatures with."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from certify.cli.passphrase import new_passphrase, passphrase_option, reads_passphrase
from certify.model.errors import BadKey
from certify.signing.keys import (
    KeyType,
    Public,
    key_id,
    new_pair,
    public_pem,
    read_private,
    read_public,
    write_pair,
)


@click.group(name="keys")
def keys() -> None:
    """Make and show keys for signing.

    \b
    Example:
      certify keys new --out team
    """


@keys.command(name="new")
@click.option(
    "--type", "kind", type=click.Choice(get_args(KeyType)), default="ecdsa", show_default=True,
    help="ECDSA on P-256 with SHA-256, or Ed25519.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("certify"), show_default=True,
    metavar="NAME", help="Writes NAME.key (private) and NAME.pub.",
)  # fmt: skip
@passphrase_option
@click.option("--no-passphrase", is_flag=True, help="Leave the private key unencrypted.")
def new(*, kind: KeyType, out: Path, passphrase_file: Path | None, no_passphrase: bool) -> None:
    """Make a pair of keys. Nothing is ever overwritten.

    The private key is encrypted with a passphrase: asked for at the terminal, or from
    CERTIFY_PASSPHRASE, or from the first line of a file.

    \b
    Example:
      certify keys new --out team
    """
    if out.name in ("", ".."):
        raise BadKey(
            f"--out {out} is a folder, and no name",
            remedy="Name the pair, such as --out team: that writes team.key and team.pub.",
        )
    private, public = (out.with_name(out.name + suffix) for suffix in (".key", ".pub"))
    for path in (private, public):  # before somebody has to think up a passphrase
        if path.exists():
            raise BadKey(
                f"{path} is there already, and no key is ever overwritten",
                remedy="Give another name with --out, or move the old pair away.",
            )
    if no_passphrase and passphrase_file:
        raise click.UsageError("--no-passphrase and --passphrase-file exclude each other.")
    passphrase = None if no_passphrase else new_passphrase(passphrase_file)
    write_pair(private, public, new_pair(kind, passphrase))
    click.echo(f"private key: {private} ({'not encrypted' if no_passphrase else 'encrypted'})")
    click.echo(f"public key:  {public}")
    click.echo(f"key id:      {key_id(read_public(public))}")


@keys.command(name="show")
@click.argument("key", type=click.Path(path_type=Path))
@passphrase_option
def show(*, key: Path, passphrase_file: Path | None) -> None:
    """Show the id of a key, and its public half.

    \b
    Example:
      certify keys show team.pub
    """
    try:
        public: Public = read_public(key)
    except BadKey as no_public:
        try:
            public = read_private(key, reads_passphrase(passphrase_file)).public_key()
        except BadKey as no_private:
            private = "private" in no_public.message
            raise (no_private if private else no_public) from no_private
    click.echo(key_id(public))
    click.echo(public_pem(public).decode(), nl=False)
