"""Lookups from inside a container, with the runs of its programs made up."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from ipaddress import IPv4Address
from types import SimpleNamespace
from typing import Any, cast

import pytest

from certify.engine.probe import dns, programs
from certify.engine.probe.image import ProbeImage, ProbeRun
from certify.engine.probe.network import NetworkProbe

CONF = b"nameserver 10.0.0.1\nnameserver 10.0.0.2\n"
FLAGS = {"address": 0x8180, "no such name": 0x8183, "server failure": 0x8182}
ADDRESS = IPv4Address("203.0.113.80")


class Image:
    """An image whose containers print the responses of a network's name servers, in turn."""

    engine = SimpleNamespace(architecture="amd64")

    def __init__(self, conf: bytes | None, *replies: str) -> None:
        self.conf = conf
        self.replies = list(replies)
        self.asked: list[str] = []
        self.configs: list[Any] = []

    def exchange(self, _architecture: str, server: str, _port: int, query: bytes) -> bytes:
        self.asked.append(server)
        self.query = query
        return b"program"

    def copy_file(self, _architecture: str, path: str) -> bytes:
        assert path == "/etc/resolv.conf"
        return b"copy"

    def run(self, program: bytes | None = None, *, config: Any, seconds: int = 0) -> ProbeRun:
        self.configs.append(config)
        if program == b"copy":
            return result(1) if self.conf is None else result(0, self.conf)
        reply = self.replies.pop(0)
        if reply not in FLAGS:
            return result({"silence": None, "refused": 1}[reply])
        records = int(reply == "address")
        header = struct.pack(">2s5H", self.query[:2], FLAGS[reply], 0, records, 0, 0)
        record = b"\0" + struct.pack(">HHIH", 1, 1, 60, 4) + ADDRESS.packed
        return result(0, header + record * records)


def result(exit_code: int | None, output: bytes = b"") -> ProbeRun:
    return ProbeRun(exit_code, output, 0, 0, 0)


def lookup(
    monkeypatch: pytest.MonkeyPatch, image: Image, name: str = "deb.debian.org"
) -> dns.Resolution:
    monkeypatch.setattr(programs, "exchange", image.exchange)
    monkeypatch.setattr(programs, "copy_file", image.copy_file)
    return NetworkProbe(cast(ProbeImage, image), "mine", seconds=5).lookup(name)


@pytest.mark.parametrize(
    ("replies", "servers", "problem"),
    [
        (["address"], 1, ""),
        (["silence", "address"], 2, ""),
        (["no such name"], 1, "name server 10.0.0.1: there is no such name"),
        (["server failure", "silence"], 2, "name server 10.0.0.2: no answer within 5 s"),
        (["silence", "refused"], 2, "name server 10.0.0.2: the connection was refused"),
    ],
)
def test_the_first_server_that_knows_decides(
    monkeypatch: pytest.MonkeyPatch, replies: Sequence[str], servers: int, problem: str
) -> None:
    image = Image(CONF, *replies)
    found = lookup(monkeypatch, image)
    assert found.addresses == (() if problem else (ADDRESS,))
    assert found.problem.startswith(problem)
    assert found.no_such_name is ("no such name" in problem)
    assert image.asked == ["10.0.0.1", "10.0.0.2"][:servers]
    assert image.configs == [{"network_mode": "mine"}] * (servers + 1)


@pytest.mark.parametrize("conf", [None, b"", b"nameserver ::1\n"])
def test_without_a_server_nothing_is_looked_up(
    monkeypatch: pytest.MonkeyPatch, conf: bytes | None
) -> None:
    found = lookup(monkeypatch, Image(conf))
    assert (found.addresses, found.no_such_name) == ((), False)
    assert "names no IPv4 name server" in found.problem


def test_a_text_that_is_no_name_is_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image(CONF)
    found = lookup(monkeypatch, image, "a..b")
    assert (found.addresses, found.no_such_name, image.asked) == ((), False, [])
    assert found.problem
