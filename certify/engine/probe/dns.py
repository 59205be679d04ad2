"""Queries and responses of the Domain Name System, as bytes (RFC 1035, section 4).

They look up a name from inside a container, through a program that can only carry bytes. Pure.
Responses are untrusted: parsing ends, whatever they hold.
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
_NO_SUCH_NAME = 3
_RESPONSE_CODES = {
    1: "the query was malformed",
    2: "the server failed",
    _NO_SUCH_NAME: "there is no such name",
    4: "the server does not support such queries",
    5: "the server refuses",
}


class BadResponse(ValueError):
    """Raised for bytes that are no response to the query."""


@dataclass(frozen=True)
class Resolution:
    """The result of a lookup."""

    addresses: tuple[IPv4Address, ...] = ()
    problem: str = ""
    """Reason why there is no address; empty if there is one."""
    no_such_name: bool = False
    """True if a server says that the name does not exist."""


def query(name: str, number: int) -> bytes:
    """Make a query for the IPv4 addresses of a name; the response repeats ``number`` (16 bits).

    Raises ``ValueError`` for a text that cannot be a name.
    """
    labels = name.removesuffix(".").encode("idna").split(b".")
    if not all(0 < len(label) < 64 for label in labels) or sum(map(len, labels)) > 240:
        raise ValueError(f"not a name: {name!r}")
    encoded = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    header = _HEADER.pack(number, _RECURSION_DESIRED, 1, 0, 0, 0)
    return header + encoded + struct.pack(">HH", _ADDRESS, _INTERNET)


def parse_response(message: bytes, sent: bytes) -> Resolution:
    """Parse the response to a query that was sent. Raises :class:`BadResponse`."""
    try:
        number, flags, questions, records, _, _ = _HEADER.unpack_from(message)
        if number != _HEADER.unpack_from(sent)[0] or not flags & _RESPONSE:
            raise ValueError("it answers another query")
        place = _HEADER.size
        for _ in range(questions):
            place = _skip_name(message, place) + 4
        addresses = []
        for _ in range(records):
            place = _skip_name(message, place)
            kind, group, _, length = _RECORD.unpack_from(message, place)
            place += _RECORD.size
            if (kind, group, length) == (_ADDRESS, _INTERNET, 4):
                addresses.append(IPv4Address(message[place : place + 4]))
            place += length
    except (struct.error, IndexError, ValueError) as error:
        raise BadResponse(f"not an answer: {error}") from error
    if addresses:
        return Resolution(tuple(addresses))
    code = flags & 15
    problem = _RESPONSE_CODES.get(code, "it has no IPv4 address")
    return Resolution(problem=problem, no_such_name=code == _NO_SUCH_NAME)


def _skip_name(message: bytes, place: int) -> int:
    """Return the position after a name; pointers in it are not followed."""
    while length := message[place]:
        if length >= 0xC0:
            return place + 2
        place += 1 + length
    return place + 1


def nameservers(resolv_conf: bytes) -> tuple[str, ...]:
    """Return the IPv4 name servers of a resolv.conf(5), in order, among the first three entries."""
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
