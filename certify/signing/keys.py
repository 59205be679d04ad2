"""Key pairs in PEM: ECDSA on P-256 or Ed25519, the private key encrypted or not.

A key's id is the SHA-256 of its public half in DER (SubjectPublicKeyInfo), as
``openssl pkey -pubin -outform DER | sha256sum`` gives it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from certify.model.errors import BadKey

KeyType = Literal["ecdsa", "ed25519"]
PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
Passphrase = Callable[[], bytes]
"""Returns the passphrase; called only for an encrypted key. May raise :class:`BadKey`."""

LARGEST = 64 * 1024
"""The limit of a file with a key, in bytes."""
_NEEDED = "expected is ECDSA on P-256, or Ed25519, in PEM"
_MAKE_ONE = "`certify keys new` makes a pair."


def new_pair(kind: KeyType, passphrase: bytes | None) -> tuple[bytes, bytes]:
    """Return a new private key, encrypted if there is a passphrase, and its public half, as PEM."""
    private: PrivateKey = ec.generate_private_key(ec.SECP256R1())
    if kind == "ed25519":
        private = ed25519.Ed25519PrivateKey.generate()
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        encryption = serialization.BestAvailableEncryption(passphrase)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )
    return pem, public_pem(private.public_key())


def public_pem(key: PublicKey) -> bytes:
    """Return the public key as PEM."""
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def key_id(key: PublicKey) -> str:
    """Return the SHA-256 of the key in DER, in hexadecimal."""
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(der).hexdigest()


def write_pair(private: Path, public: Path, pair: tuple[bytes, bytes]) -> None:
    """Write a pair; only the owner may read the private key.

    Raises :class:`BadKey` if either file exists already or cannot be written; then neither
    is left behind.
    """
    written: list[Path] = []
    try:
        for path, pem, mode in ((private, pair[0], 0o600), (public, pair[1], 0o644)):
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(str(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            written.append(path)
            with os.fdopen(descriptor, "wb") as file:
                file.write(pem)
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        if isinstance(error, FileExistsError) and error.filename in (str(private), str(public)):
            raise BadKey(
                f"{error.filename} is there already, and no key is ever overwritten",
                remedy="Give another name with --out, or move the old pair away.",
            ) from error
        raise BadKey(
            f"{error.filename} cannot be written: {error.strerror}",
            remedy="Name another place with --out.",
        ) from error


def read_private(path: Path, passphrase: Passphrase) -> PrivateKey:
    """Read a private key. Raises :class:`BadKey` for a file without a key that can sign."""
    pem = _read(path)
    try:
        key: object
        try:
            key = serialization.load_pem_private_key(pem, None)
        except TypeError:  # it is encrypted
            key = _decrypted(path, pem, passphrase())
    except (ValueError, UnsupportedAlgorithm) as error:
        if b"-----BEGIN PUBLIC KEY-----" in pem:
            raise BadKey(
                f"{path} is a public key, which cannot sign",
                remedy="Name the private key, the other file of the pair.",
            ) from error
        raise BadKey(f"{path} is no private key: {_NEEDED}", remedy=_MAKE_ONE) from error
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise BadKey(f"{path} is a private key of another kind: {_NEEDED}", remedy=_MAKE_ONE)


def read_public(path: Path) -> PublicKey:
    """Read a public key. Raises :class:`BadKey` for any other file, also for a private key."""
    pem = _read(path)
    if b"PRIVATE KEY-----" in pem:
        raise BadKey(
            f"{path} is a private key, which nobody needs to verify; it should not lie here",
            remedy="Name the public key, the other file of the pair.",
        )
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadKey(f"{path} is no public key: {_NEEDED}", remedy=_MAKE_ONE) from error
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise BadKey(f"{path} is a public key of another kind: {_NEEDED}", remedy=_MAKE_ONE)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            pem = file.read(LARGEST + 1)
    except OSError as error:
        raise BadKey(f"the key {path}: {error.strerror}", remedy=_MAKE_ONE) from error
    if len(pem) > LARGEST:
        raise BadKey(f"{path} is too large to be a key", remedy=_MAKE_ONE)
    return pem


def _decrypted(path: Path, pem: bytes, passphrase: bytes) -> object:
    try:
        return serialization.load_pem_private_key(pem, passphrase)
    except (ValueError, TypeError) as error:
        raise BadKey(
            f"{path} does not open with this passphrase",
            remedy="Type it again, or check CERTIFY_PASSPHRASE or --passphrase-file.",
        ) from error
