"""Queries of the Domain Name System, and every response that may come back."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.engine.probe.dns import BadResponse, Resolution, nameservers, parse_response, query

SENT = query("deb.debian.org", 0xFF0A)
NAME = b"\xc0\x0c"  # a pointer to the name in the query


def message(
    *records: bytes, flags: int = 0x8180, number: int = 0xFF0A, query_part: bytes = SENT[12:]
) -> bytes:
    return (
        struct.pack(">6H", number, flags, bool(query_part), len(records), 0, 0)
        + query_part
        + b"".join(records)
    )


def record(data: bytes, kind: int = 1, name: bytes = NAME) -> bytes:
    return name + struct.pack(">HHIH", kind, 1, 60, len(data)) + data


ONE, TWO = bytes([203, 0, 113, 80]), bytes([203, 0, 113, 81])


def test_a_query_is_what_the_standard_shows() -> None:
    # RFC 1035, 4.1.1 to 4.1.2: a header with recursion desired, then name, type A, class IN.
    header = bytes.fromhex("ff0a01000001000000000000")
    sent = query("deb.debian.org", 0xFF0A)
    assert sent == header + b"\x03deb\x06debian\x03org\0" + b"\0\1\0\1"
    assert query("deb.debian.org.", 0xFF0A) == SENT, "a root dot changes nothing"
    assert b"\x0dxn--bcher-kva\x07example" in query("bücher.example", 1)


@pytest.mark.parametrize("name", ["", ".", "a..b", ".a", "x" * 64, ".".join(["x" * 60] * 5)])
def test_a_query_for_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"not a name|label|idna"):
        query(name, 1)


@pytest.mark.parametrize(
    ("response", "addresses", "problem"),
    [
        (message(record(ONE)), [ONE], ""),
        (message(record(ONE), record(TWO)), [ONE, TWO], ""),
        (message(record(b"\3www\xc0\x0c", kind=5), record(TWO)), [TWO], ""),
        (message(record(TWO, name=b"\3www\6debian\3org\0")), [TWO], ""),
        (message(record(bytes(16), kind=28)), [], "it has no IPv4 address"),
        (message(), [], "it has no IPv4 address"),
        (message(flags=0x8183), [], "there is no such name"),
        (message(flags=0x8182), [], "the server failed"),
        (message(flags=0x8185), [], "the server refuses"),
        (message(flags=0x8185, query_part=b""), [], "the server refuses"),
    ],
)
def test_responses(response: bytes, addresses: list[bytes], problem: str) -> None:
    assert parse_response(response, SENT) == Resolution(
        tuple(map(IPv4Address, addresses)), problem, "no such name" in problem
    )


@pytest.mark.parametrize(
    "response",
    [
        b"",
        SENT,  # an echo
        message(record(ONE), number=1),
        message(record(ONE))[:-1],
        message(record(ONE), record(TWO))[: -len(record(TWO))],
        message(b"\x3f"),
        struct.pack(">6H", 0xFF0A, 0x8180, 65535, 65535, 0, 0),
    ],
)
def test_bad_responses(response: bytes) -> None:
    with pytest.raises(BadResponse):
        parse_response(response, SENT)


@given(st.binary(max_size=200))
def test_parsing_always_ends(tail: bytes) -> None:
    for response in (tail, SENT[:2] + b"\x81\x80" + tail, message(tail, tail)):
        try:
            assert isinstance(parse_response(response, SENT), Resolution)
        except BadResponse as error:
            assert str(error)


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        (b"nameserver 10.0.0.53\n", ("10.0.0.53",)),
        (b"search x\nnameserver\t127.0.0.11\noptions ndots:0\n", ("127.0.0.11",)),
        (b"# nameserver 1.1.1.1\n;nameserver 1.1.1.1\nnameserver ::1\n", ()),
        (b"nameserver\nnameserver nowhere\n", ()),
        (b"nameserver ::1\nnameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\n",
         ("10.0.0.1", "10.0.0.2")),
        (b"\xff\0", ()),
        (b"", ()),
    ],
)  # fmt: skip
def test_name_servers_of_a_container(text: bytes, servers: tuple[str, ...]) -> None:
    assert nameservers(text) == servers
