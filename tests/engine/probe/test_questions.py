"""The programs that ask the network one question: over UDP, and whether TCP connects."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from certify.engine.probe.programs import (
    ARCHITECTURES,
    TEXT_LIMIT,
    UnsupportedArchitecture,
    ask,
    connect,
)
from tests.engine.probe.test_programs import LOOPBACK, PATIENCE, TEXTS, run, wherever_it_runs


@wherever_it_runs
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_ask_copies_the_answer(architecture: str, text: bytes, tmp_path: Path) -> None:
    asked: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((LOOPBACK, 0))
        server.settimeout(PATIENCE)

        def answer() -> None:
            question, client = server.recvfrom(65536)
            asked.append(question)
            server.sendto(text, client)

        thread = threading.Thread(target=answer)
        thread.start()
        port = server.getsockname()[1]
        done = run(architecture, ask(architecture, LOOPBACK, port, b"\0?\xff"), tmp_path)
        thread.join(PATIENCE)
    assert asked == [b"\0?\xff"]
    assert (done.returncode, done.stdout, done.stderr) == (0, text, b"")


@wherever_it_runs
def test_ask_fails_where_nobody_listens(architecture: str, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind((LOOPBACK, 0))
        port = bound.getsockname()[1]
    done = run(architecture, ask(architecture, LOOPBACK, port, b"?"), tmp_path)
    assert (done.returncode, done.stdout) == (1, b"")


@wherever_it_runs
def test_connect_tells_whether_somebody_listens(architecture: str, tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as listener:
        port = listener.getsockname()[1]
        done = run(architecture, connect(architecture, LOOPBACK, port), tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    done = run(architecture, connect(architecture, LOOPBACK, port), tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_they_are_small(architecture: str) -> None:
    assert len(ask(architecture, LOOPBACK, 53, b"?")) < 1024
    assert len(connect(architecture, LOOPBACK, 443)) < 1024


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(UnsupportedArchitecture):
        ask("mips", LOOPBACK, 53, b"?")
    with pytest.raises(UnsupportedArchitecture):
        connect("mips", LOOPBACK, 53)
    with pytest.raises(ValueError, match="4097 bytes"):
        ask("amd64", LOOPBACK, 53, bytes(TEXT_LIMIT + 1))
    with pytest.raises(ValueError, match="not a TCP port"):
        connect("amd64", LOOPBACK, 0)
    with pytest.raises(ValueError, match="Expected 4 octets"):
        connect("amd64", "registry.invalid", 443)
