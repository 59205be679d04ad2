"""The notification socket is read for as long as it is open, so that PID 1 never blocks on it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from certify.engine.notifications import Notices

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """The reader's end and the sender's."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    theirs.settimeout(10)
    with ours, theirs:
        yield ours, theirs


def test_a_sender_never_waits_for_somebody_to_ask(pair: Pair) -> None:
    ours, theirs = pair
    notices = Notices(ours)
    theirs.send(b"READY=1")
    assert notices.ready(10)
    for _ in range(1000):  # the kernel would keep ten, and block the sender
        theirs.send(b"X_SYSTEMD_UNIT_ACTIVE=a.target")
    assert not notices.ready(0)


def test_what_came_before_is_forgotten_read_or_not(pair: Pair) -> None:
    ours, theirs = pair
    notices = Notices(ours)
    theirs.send(b"READY=1")
    notices.forget()
    assert not notices.ready(0.05)
    theirs.send(b"READY=1")
    notices.forget()
    assert not notices.ready(0.05)
    theirs.send(b"READY=1")
    assert notices.ready(10)


def test_a_socket_that_was_closed_is_no_trouble(pair: Pair) -> None:
    ours, _ = pair
    notices = Notices(ours)
    assert not notices.ready(0)
    ours.close()
    assert not notices.ready(0.6)
