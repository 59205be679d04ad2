"""One question of the Domain Name System and its answer, as bytes (RFC 1035, section 4).

Enough to ask from inside a container, by a program that can do no more than carry bytes, where a
name leads. Pure. What comes back is nobody's to trust: whatever it is, reading it ends.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address

PORT = 53
_HEADER = struct.Struct(">6H")
_RECORD = struct.Struct(">HHIH")
_RECURSION_DESIRED, _RESPONSE = 0x0100, 0x8000
_ADDRESS, _INTERNET = 1, 1
_MEANINGS = {1: "the question was malformed", 2: "the server failed", 3: "there is no such name",
             4: "the server does not answer such questions", 5: "the server refuses"}  # fmt: skip


class BadAnswer(ValueError):
    """What came back is not an answer to what was asked."""


@dataclass(frozen=True)
class Resolution:
    """Where a name leads."""

    addresses: tuple[IPv4Address, ...]
    problem: str
    """Why there is no address; empty if there is one."""


def question(name: str, number: int) -> bytes:
    """Ask for the IPv4 addresses of a name; ``number`` (16 bits) comes back in the answer.

    ValueError for what cannot be a name.
    """
    labels = name.removesuffix(".").encode("idna").split(b".")
    if not all(0 < len(label) < 64 for label in labels) or sum(map(len, labels)) > 240:
        raise ValueError(f"not a name: {name!r}")
    asked = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    header = _HEADER.pack(number, _RECURSION_DESIRED, 1, 0, 0, 0)
    return header + asked + struct.pack(">HH", _ADDRESS, _INTERNET)


def answer(message: bytes, asked: bytes) -> Resolution:
    """Read the answer to a :func:`question`. Raises :class:`BadAnswer`."""
    try:
        number, flags, questions, records, _, _ = _HEADER.unpack_from(message)
        if number != _HEADER.unpack_from(asked)[0] or not flags & _RESPONSE:
            raise ValueError("it answers another question")
        place = _HEADER.size
        for _ in range(questions):
            place = _after_name(message, place) + 4
        addresses = []
        for _ in range(records):
            place = _after_name(message, place)
            kind, group, _, length = _RECORD.unpack_from(message, place)
            place += _RECORD.size
            if (kind, group, length) == (_ADDRESS, _INTERNET, 4):
                addresses.append(IPv4Address(message[place : place + 4]))
            place += length
    except (struct.error, IndexError, ValueError) as error:
        raise BadAnswer(f"not an answer: {error}") from error
    problem = "" if addresses else _MEANINGS.get(flags & 15, "it has no IPv4 address")
    return Resolution(tuple(addresses), problem)


def _after_name(message: bytes, place: int) -> int:
    """The place behind a name; where a pointer in it leads does not matter."""
    while length := message[place]:
        if length >= 0xC0:
            return place + 2
        place += 1 + length
    return place + 1


def nameservers(resolv_conf: bytes) -> tuple[str, ...]:
    """The IPv4 name servers of a resolv.conf(5), in its order; at most the three that count."""
    found = []
    for line in resolv_conf.decode("ascii", "replace").splitlines():
        match line.split():
            case ["nameserver", address, *_]:
                found.append(address)
    return tuple(address for address in found[:3] if _is_ipv4(address))


def _is_ipv4(text: str) -> bool:
    try:
        return ip_address(text).version == 4
    except ValueError:
        return False
