"""Keys: what is made, what is read, and what is refused, in one clear message."""

from __future__ import annotations

import hashlib
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from certify.model.errors import BadKey
from certify.signing.keys import key_id, new_pair, read_private, read_public, write_pair
from tests.support.keys import MakePair

PKCS8 = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)


def rsa_pair() -> tuple[bytes, bytes]:
    key = rsa.generate_private_key(65537, 2048)
    return _pems(key)


def p384_pair() -> tuple[bytes, bytes]:
    return _pems(ec.generate_private_key(ec.SECP384R1()))


def _pems(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> tuple[bytes, bytes]:
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return key.private_bytes(*PKCS8, serialization.NoEncryption()), public


@pytest.mark.parametrize("kind", ["ecdsa", "ed25519"])
@pytest.mark.parametrize("passphrase", [None, b"correct horse \xc3\xa4"])
def test_openssl_reads_what_is_made(tmp_path: Path, kind: str, passphrase: bytes | None) -> None:
    private, public = tmp_path / "deep" / "a.key", tmp_path / "deep" / "a.pub"
    write_pair(private, public, new_pair(kind, passphrase))  # type: ignore[arg-type]
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    (tmp_path / "word").write_bytes(passphrase or b"")
    word = ["-passin", f"file:{tmp_path / 'word'}"] if passphrase else []
    derived = subprocess.run(
        ["openssl", "pkey", "-in", private, *word, "-pubout"],
        capture_output=True,
        check=True,
    )
    assert derived.stdout == public.read_bytes()
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", public, "-outform", "DER"],
        capture_output=True,
        check=True,
    )
    assert key_id(read_public(public)) == hashlib.sha256(der.stdout).hexdigest()
    same = read_private(private, lambda: passphrase or b"").public_key()
    assert key_id(same) == key_id(read_public(public))


@pytest.mark.parametrize("there", ["a.key", "a.pub"])
def test_nothing_is_overwritten(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("precious")
    with pytest.raises(BadKey, match="no key is ever overwritten"):
        write_pair(tmp_path / "a.key", tmp_path / "a.pub", new_pair("ecdsa", None))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {there: "precious"}


def test_a_passphrase_is_asked_for_only_if_it_is_needed(make_pair: MakePair) -> None:
    def never() -> bytes:
        raise AssertionError("asked in vain")

    read_private(make_pair()[0], never)
    locked = make_pair(passphrase=b"secret")[0]
    assert b"ENCRYPTED" in locked.read_bytes()
    with pytest.raises(AssertionError):
        read_private(locked, never)


def test_a_wrong_passphrase_is_not_repeated_in_the_message(make_pair: MakePair) -> None:
    private, _ = make_pair(passphrase=b"correct")
    for wrong in (b"wrong-one", b""):
        with pytest.raises(BadKey, match="does not open with this passphrase") as refused:
            read_private(private, lambda word=wrong: word)  # type: ignore[misc]
        assert "wrong-one" not in refused.value.message + refused.value.remedy


GARBAGE = {
    "empty": b"",
    "noise": bytes(range(256)),
    "torn": b"-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n",
    "huge": b"-" * 100_000,
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_no_key(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(GARBAGE[name])
    for read in (lambda: read_private(path, lambda: b""), lambda: read_public(path)):
        with pytest.raises(BadKey, match=f"{name} is") as refused:
            read()
        assert refused.value.remedy


@pytest.mark.parametrize("make", [rsa_pair, p384_pair])
def test_other_kinds_of_key_are_refused(tmp_path: Path, make: object) -> None:
    private, public = tmp_path / "a.key", tmp_path / "a.pub"
    assert callable(make)
    for path, pem in zip((private, public), make(), strict=True):
        path.write_bytes(pem)
    with pytest.raises(BadKey, match="of another kind: expected is ECDSA on P-256, or Ed25519"):
        read_private(private, lambda: b"")
    with pytest.raises(BadKey, match="of another kind"):
        read_public(public)


def test_the_halves_are_not_mistaken_for_each_other(pair: tuple[Path, Path]) -> None:
    private, public = pair
    with pytest.raises(BadKey, match="is a public key, which cannot sign"):
        read_private(public, lambda: b"")
    with pytest.raises(BadKey, match="is a private key, which nobody needs to verify"):
        read_public(private)


def test_a_key_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadKey, match="No such file"):
        read_public(tmp_path / "none.pub")
    with pytest.raises(BadKey, match="Is a directory"):
        read_private(tmp_path, lambda: b"")
