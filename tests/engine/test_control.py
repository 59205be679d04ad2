"""The reach of certify's own container: a web server, a port, nobody, and no such name."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address, ip_network
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from certify.engine.client import Engine
from certify.engine.control import measure_reach
from certify.judge.control import Reach

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]


class Attached(NamedTuple):
    """A candidate on a network, and an address that it alone does not reach."""

    network: str | None = None
    barred: IPv4Address | None = None

    def bar(self, address: IPv4Address) -> Reach | None:
        return Reach.CLOSED if address == self.barred else None


class Pages(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(200 if self.path == "/here" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing, for tests."""


@pytest.fixture
def server(engine: Engine) -> Iterator[str]:
    """A web server on this machine, by an address that containers reach."""
    subnet = engine.client.networks.get("bridge").attrs["IPAM"]["Config"][0]["Subnet"]
    bridge = str(ip_network(subnet)[1])
    with ThreadingHTTPServer((bridge, 0), Pages) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://{bridge}:{listening.server_port}"
        listening.shutdown()
        thread.join()


def test_servers_that_answer_refuse_or_do_not_exist(engine: Engine, server: str) -> None:
    asked = {
        f"{server}/here": Reach.SERVES,
        f"{server}/gone": Reach.CONNECTS,
        server.replace("http", "https"): Reach.CONNECTS,
        "http://127.0.0.1:9": Reach.REFUSES,
        "https://127.0.0.1": Reach.REFUSES,
        "http://nowhere.invalid": Reach.NO_NAME,
    }
    assert measure_reach(engine, asked, Attached()) == asked


def test_without_a_network_names_are_not_tried(engine: Engine) -> None:
    found = measure_reach(engine, ["http://nowhere.invalid", "http://192.0.2.1"], Attached("none"))
    assert found["http://nowhere.invalid"] in (Reach.NOT_TRIED, Reach.NO_ANSWER)
    assert found["http://192.0.2.1"] is Reach.REFUSES


def test_on_a_missing_network_nothing_is_tried(engine: Engine) -> None:
    urls = ["http://127.0.0.1:9", "http://nowhere.invalid"]
    assert set(measure_reach(engine, urls, Attached("no-such-network")).values()) == {
        Reach.NOT_TRIED
    }


def test_what_only_the_candidate_does_not_reach_is_not_tried(engine: Engine, server: str) -> None:
    host = IPv4Address(urlsplit(server).hostname or "")
    found = measure_reach(engine, [f"{server}/here"], Attached(barred=host))
    assert found == {f"{server}/here": Reach.CLOSED}
