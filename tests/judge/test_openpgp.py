"""When keys expire, read from keyrings made of packets, whole and broken."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.judge.openpgp import expirations

DAY = 86400
MADE = 1_500_000_000
PRIMARY, SUBKEY = 6, 14


def packet(kind: int, body: bytes, *, old: bool = False) -> bytes:
    """Return a packet, with a head of the new form or of the old one."""
    if old:
        return bytes([0x80 | kind << 2 | 1]) + len(body).to_bytes(2, "big") + body
    return bytes([0xC0 | kind, 0xFF]) + len(body).to_bytes(4, "big") + body


def key(word: bytes) -> tuple[bytes, str]:
    """Return the body of a key, and its ID."""
    body = b"\x04" + MADE.to_bytes(4, "big") + b"\x01" + word
    whole = b"\x99" + len(body).to_bytes(2, "big") + body
    return body, hashlib.sha1(whole, usedforsecurity=False).hexdigest()[-16:].upper()


def signature(kind: int, *, days: int = 0, at: int = 0) -> bytes:
    """Return the body of a signature that says for how many days its key is valid."""
    parts = b"\x05\x02" + (MADE + at * DAY).to_bytes(4, "big") + b"\x02\x1b\x03"
    parts += b"\x05\x09" + (days * DAY).to_bytes(4, "big") if days else b""
    return bytes([4, kind, 1, 8]) + len(parts).to_bytes(2, "big") + parts + b"\0\0\0\0"


FIRST, FIRST_ID = key(b"first")
SECOND, SECOND_ID = key(b"second")
WHOLE = packet(PRIMARY, FIRST) + packet(13, b"Vendor") + packet(2, signature(0x13, days=30))
ARMORED = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\nVersion: 1\n\n%s\n=abcd\n-----END PGP PUBLIC KEY"


@pytest.mark.parametrize(
    ("keyring", "days"),
    [
        (WHOLE, {FIRST_ID: 30}),
        (ARMORED % base64.encodebytes(WHOLE), {FIRST_ID: 30}),
        (packet(6, FIRST, old=True) + packet(2, signature(0x13, days=30), old=True),
         {FIRST_ID: 30}),
        (packet(6, FIRST) + packet(2, signature(0x13)), {}),
        # It was made to last longer, wherever the newer signature stands.
        (WHOLE + packet(2, signature(0x13, days=90, at=20)), {FIRST_ID: 90}),
        (packet(6, FIRST) + packet(2, signature(0x13, days=90, at=20))
         + packet(2, signature(0x13, days=30)), {FIRST_ID: 90}),
        # A subkey ends by its own word, and with its primary key.
        (WHOLE + packet(14, SECOND) + packet(2, signature(0x18, days=9)),
         {FIRST_ID: 30, SECOND_ID: 9}),
        (WHOLE + packet(14, SECOND) + packet(2, signature(0x18, days=99)),
         {FIRST_ID: 30, SECOND_ID: 30}),
        (WHOLE + packet(14, SECOND) + packet(2, signature(0x18)), {FIRST_ID: 30, SECOND_ID: 30}),
        # Another key of the keyring, and a signature of another kind.
        (WHOLE + packet(6, SECOND) + packet(2, signature(0x13)), {FIRST_ID: 30}),
        (WHOLE + packet(2, signature(0x20, days=90, at=20)), {FIRST_ID: 30}),
        (b"This is no key.", {}),
        (b"", {}),
    ],
)  # fmt: skip
def test_when_keys_expire(keyring: bytes, days: dict[str, int]) -> None:
    assert expirations(keyring) == {name: MADE + each * DAY for name, each in days.items()}


@given(st.integers(0, len(WHOLE)), st.binary(max_size=60))
def test_any_bytes_are_bearable(length: int, more: bytes) -> None:
    assert set(expirations(WHOLE[:length] + more)) - {FIRST_ID} == set() or more
    expirations(ARMORED % more)
