"""A control: certify's own container on a candidate's network, which tries the same URLs.

It shares nothing with the candidate but the network and the engine's name servers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address
from typing import Protocol
from urllib.parse import urlsplit

from certify.engine.client import Engine
from certify.engine.probe.image import ProbeRun, probe_image
from certify.engine.probe.network import NetworkProbe
from certify.judge.control import Reach
from certify.model.errors import LaunchRefused

_SECONDS = 8
"""Limit for one lookup or request; a slower server counts as silent."""
_SERVED = re.compile(rb"HTTP/1\.[01] [23]\d\d\b")


class Started(Protocol):
    """A candidate's network, and what is out of its reach alone."""

    @property
    def network(self) -> str | None:
        """The network that it is on; None for the engine's default."""

    def bar(self, address: IPv4Address) -> Reach | None:
        """Return why it alone does not reach an address."""


def measure_reach(engine: Engine, urls: Iterable[str], started: Started) -> dict[str, Reach]:
    """Return how far certify's own container gets with each URL; for http, it requests the headers.

    What only the candidate cannot reach is not tried. It is :attr:`Reach.NOT_TRIED` if the engine
    does not start the container. Raises :class:`~certify.model.errors.EngineUnavailable`.
    """
    found = dict.fromkeys(urls, Reach.NOT_TRIED)
    try:
        with probe_image(engine) as image:
            control = NetworkProbe(image, started.network, seconds=_SECONDS)
            for url in found:
                found[url] = _reach(control, url, started)
    except LaunchRefused:
        pass
    return found


def _reach(control: NetworkProbe, url: str, started: Started) -> Reach:
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        address = IPv4Address(host)
    except ValueError:
        resolved = control.lookup(host)
        if not resolved.addresses:
            return Reach.NO_NAME if resolved.no_such_name else Reach.NOT_TRIED
        address = resolved.addresses[0]
    if barred := started.bar(address):
        return barred
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if parts.scheme != "http":
        return _connected(control.connect(address, port))
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    request = f"HEAD {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n"
    run = control.fetch(address, port, request.encode())
    if _SERVED.match(run.output):
        return Reach.SERVES
    return Reach.CONNECTS if run.output else _connected(run)


def _connected(run: ProbeRun) -> Reach:
    """Return the result of a program that had to open a connection."""
    if run.exit_code is None:
        return Reach.NO_ANSWER
    return Reach.REFUSES if run.exit_code else Reach.CONNECTS
