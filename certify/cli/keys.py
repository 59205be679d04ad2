"""``certify keys``: key pairs for signing, and for checking signatures."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from certify.cli.output import format_option, print_json
from certify.cli.passphrase import new_passphrase, passphrase_option, passphrase_reader
from certify.model.errors import BadKey
from certify.signing.keys import (
    KeyType,
    PublicKey,
    key_id,
    new_pair,
    public_pem,
    read_private,
    read_public,
    write_pair,
)

SCHEMA = "certify/key/v1"


@click.group()
def keys() -> None:
    """Make and show keys for signing.

    \b
    Example:
      certify keys new --out team
    """


@keys.command()
@click.option(
    "--type", "kind", type=click.Choice(get_args(KeyType)), default="ecdsa", show_default=True,
    help="ECDSA on P-256 with SHA-256, or Ed25519.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("certify"), show_default=True,
    metavar="NAME", help="Write NAME.key (private) and NAME.pub.",
)  # fmt: skip
@passphrase_option
@click.option("--no-passphrase", is_flag=True, help="Leave the private key unencrypted.")
@format_option(SCHEMA)
def new(
    *,
    kind: KeyType,
    out: Path,
    passphrase_file: Path | None,
    no_passphrase: bool,
    output_format: str,
) -> None:
    """Make a key pair. No file is ever overwritten.

    The private key is encrypted with a passphrase, which is read from the terminal,
    from CERTIFY_PASSPHRASE, or from the first line of a file.

    \b
    Example:
      certify keys new --out team
    """
    if out.name in ("", ".."):
        raise BadKey(
            f"--out {out} is a folder, not a name",
            remedy="Name the pair, such as --out team: that writes team.key and team.pub.",
        )
    private, public = (out.with_name(out.name + suffix) for suffix in (".key", ".pub"))
    for path in (private, public):  # before anybody has to think of a passphrase
        if path.exists():
            raise BadKey(
                f"{path} exists, and no key is ever overwritten",
                remedy="Choose another name with --out, or move the old pair away.",
            )
    if no_passphrase and passphrase_file:
        raise click.UsageError("--no-passphrase and --passphrase-file exclude each other.")
    passphrase = None if no_passphrase else new_passphrase(passphrase_file)
    write_pair(private, public, new_pair(kind, passphrase))
    key = read_public(public)
    if output_format == "json":
        files = {"private_file": str(private), "public_file": str(public)}
        print_json(SCHEMA, {**_fields(key), **files, "encrypted": not no_passphrase})
        return
    click.echo(f"private key: {private} ({'not encrypted' if no_passphrase else 'encrypted'})")
    click.echo(f"public key:  {public}")
    click.echo(f"key id:      {key_id(key)}")


@keys.command()
@click.argument("key", type=click.Path(path_type=Path))
@passphrase_option
@format_option(SCHEMA)
def show(*, key: Path, passphrase_file: Path | None, output_format: str) -> None:
    """Show the id of a key, and its public half.

    \b
    Example:
      certify keys show team.pub
    """
    try:
        public: PublicKey = read_public(key)
    except BadKey as not_public:
        try:
            public = read_private(key, passphrase_reader(passphrase_file)).public_key()
        except BadKey as not_private:
            private = "private" in not_public.message
            raise (not_private if private else not_public) from not_private
    if output_format == "json":
        print_json(SCHEMA, _fields(public))
    else:
        click.echo(key_id(public))
        click.echo(public_pem(public).decode(), nl=False)


def _fields(key: PublicKey) -> dict[str, object]:
    return {"key_id": key_id(key), "public_key": public_pem(key).decode()}
