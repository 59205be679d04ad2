"""The connection of the process that runs the checks to its parent."""

from __future__ import annotations

import json
import socket

import pytest

from certify.judge.control import Reach
from certify.suite.channel import Channel


@pytest.mark.parametrize("data", [b"", b'{"job": '])
def test_a_child_whose_parent_is_gone_ends_quietly(data: bytes) -> None:
    parents, childs = socket.socketpair()
    with childs:
        with parents:
            parents.sendall(data)
        with pytest.raises(SystemExit) as ended:
            Channel(childs).receive_job()
    assert ended.value.code == 0


def test_an_event_is_a_line_of_json() -> None:
    parents, childs = socket.socketpair()
    with parents, childs:
        Channel(childs).send("fact", name="os", value=None)
        assert parents.recv(1000) == b'{"event": "fact", "name": "os", "value": null}\n'


def test_the_parent_tries_urls() -> None:
    parents, childs = socket.socketpair()
    with parents, childs:
        parents.sendall(b'{"http://a": "%s"}\n' % Reach.REFUSES.value.encode())
        assert Channel(childs).control_results(["http://a"]) == {"http://a": Reach.REFUSES}
        assert json.loads(parents.recv(1000)) == {"event": "control", "urls": ["http://a"]}
