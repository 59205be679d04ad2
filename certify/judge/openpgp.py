"""The times at which keys of OpenPGP expire (RFC 4880, 4.2 and 5.2.3). Pure; nothing is verified.

The keys come from untrusted images, so anything that is not understood ends the reading.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator

_KEY, _SUBKEY, _SIGNATURE = 6, 14, 2
_SIGNED_AT, _EXPIRES_AFTER = 2, 9
_OF_KEYS = (0x10, 0x11, 0x12, 0x13, 0x18, 0x1F)
"""Kinds of signatures that say how long a key is valid."""
_ARMOR = re.compile(rb"-----BEGIN PGP PUBLIC KEY BLOCK-----(.*?)-----END", re.DOTALL)
_CHECKSUM = re.compile(rb"^=.{4}\s*$", re.MULTILINE)
_HEADERS = re.compile(rb"^\s*(?:[\w-]+: .*\r?\n)*\s*")


def expirations(keyring: bytes) -> dict[str, int]:
    """Return the seconds since 1970 at which keys expire, by the 16 digits of their IDs.

    The keyring is binary or in ASCII. Keys that do not expire are left out; a subkey expires with
    its primary key, if not before.
    """
    ends: dict[str, int] = {}
    name, primary, created, newest = "", "", 0, 0
    for kind, body in _packets(_binary(keyring)):
        if kind in (_KEY, _SUBKEY) and body[:1] == b"\x04":
            head = b"\x99" + len(body).to_bytes(2, "big")
            name = hashlib.sha1(head + body, usedforsecurity=False).hexdigest()[-16:].upper()
            created, newest = int.from_bytes(body[1:5], "big"), 0
            primary = name if kind == _KEY else primary
            if primary in ends:
                ends[name] = ends[primary]
        elif kind == _SIGNATURE and body[:1] == b"\x04" and body[1:2] and body[1] in _OF_KEYS:
            says = dict(_subpackets(body[6 : 6 + int.from_bytes(body[4:6], "big")]))
            signed = says.get(_SIGNED_AT, 0)
            if (after := says.get(_EXPIRES_AFTER)) and signed >= newest:
                newest = signed
                own = created + after
                ends[name] = own if name == primary else min(own, ends.get(primary, own))
    return ends


def _binary(keyring: bytes) -> bytes:
    """Return a keyring without its armor, if it has one."""
    if b"-----BEGIN PGP" not in keyring:
        return keyring
    found = b""
    for block in _ARMOR.findall(keyring):
        with_padding = _CHECKSUM.sub(b"", _HEADERS.sub(b"", block, count=1))
        try:
            found += base64.b64decode(b"".join(with_padding.split()))
        except binascii.Error:
            break
    return found


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the kind and the body of each packet."""
    at = 0
    while at + 1 < len(data) and data[at] & 0x80:
        head = data[at]
        if head & 0x40:
            kind, (at, size) = head & 0x3F, _length(data, at + 1)
        else:
            kind, width = head >> 2 & 0xF, (1, 2, 4, 0)[head & 3]
            size = int.from_bytes(data[at + 1 : at + 1 + width], "big") if width else -1
            at += 1 + width
        if size < 0 or at + size > len(data):
            return
        yield kind, data[at : at + size]
        at += size


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Return where a body begins, and its length; less than 0 if it is in parts."""
    first = data[at]
    if first < 192:
        return at + 1, first
    if first < 224:
        return at + 2, (first - 192 << 8) + int.from_bytes(data[at + 1 : at + 2], "big") + 192
    if first == 255:
        return at + 5, int.from_bytes(data[at + 1 : at + 5], "big")
    return at, -1


def _subpackets(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the kind and the number of each part of a signature that is a number of four bytes."""
    at = 0
    while at < len(data):
        at, size = _length(data, at)
        if size < 1 or at >= len(data):
            return
        if size == 5:
            yield data[at] & 0x7F, int.from_bytes(data[at + 1 : at + 5], "big")
        at += size
