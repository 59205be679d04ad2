"""A control: certify's own container, on a candidate's network, asked for an address.

It has nothing of the candidate in it: only the network, and the name server that the engine hands
to containers.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from ipaddress import IPv4Address
from urllib.parse import urlsplit

from certify.engine.client import Engine
from certify.engine.probe import dns, programs
from certify.engine.trial import Trial, Trials, trials
from certify.judge.control import Reach
from certify.model.errors import LaunchRefused

_SECONDS = 8
"""What one question may take; a server that is slower than that counts as silent."""
_ENDS: dict[int | None, Reach] = {0: Reach.CONNECTS, 1: Reach.REFUSES}
"""What certify's programs exit with; one that had to be killed waited in vain."""
_NO_SUCH_NAME = "there is no such name"
_SERVED = re.compile(rb"HTTP/1\.[01] [23]\d\d\b")


def reach(engine: Engine, urls: Iterable[str], network: str | None) -> dict[str, Reach]:
    """How far certify's own container comes with each URL; for http, the headers are asked for.

    Whatever keeps the engine from starting it is :attr:`Reach.NOT_TRIED`. Raises
    :class:`~certify.model.errors.EngineUnavailable`.
    """
    found = dict.fromkeys(urls, Reach.NOT_TRIED)
    try:
        with trials(engine) as tried:
            control = _Control(tried, network)
            for url in found:
                found[url] = control.reach(url)
    except LaunchRefused:
        pass
    return found


class _Control:
    def __init__(self, tried: Trials, network: str | None) -> None:
        self._tried = tried
        self._config = {"network_mode": network} if network else {}
        self._architecture = tried.engine.platform.split("/")[1]
        self._servers: tuple[str, ...] | None = None

    def reach(self, url: str) -> Reach:
        parts = urlsplit(url)
        host = parts.hostname or ""
        try:
            addresses: tuple[IPv4Address, ...] | Reach = (IPv4Address(host),)
        except ValueError:
            addresses = self._lookup(host)
        if isinstance(addresses, Reach):
            return addresses
        port = parts.port or (443 if parts.scheme == "https" else 80)
        if parts.scheme != "http":
            program = programs.connect(self._architecture, str(addresses[0]), port)
            return _ENDS.get(self._ran(program).exit_code, Reach.NO_ANSWER)
        wanted = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        request = (
            f"HEAD {wanted} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n"
        ).encode()
        program = programs.fetch(self._architecture, str(addresses[0]), port, request)
        ran = self._ran(program)
        if _SERVED.match(ran.output):
            return Reach.SERVES
        return Reach.CONNECTS if ran.output else _ENDS.get(ran.exit_code, Reach.NO_ANSWER)

    def _lookup(self, name: str) -> tuple[IPv4Address, ...] | Reach:
        """Where a name leads; the first name server that says anything decides."""
        if self._servers is None:
            conf = self._tried.run(config=self._config, read="/etc/resolv.conf").file
            self._servers = dns.nameservers(conf or b"")
        for server in self._servers:
            try:
                asked = dns.question(name, secrets.randbelow(1 << 16))
                ran = self._ran(programs.ask(self._architecture, server, dns.PORT, asked))
                said = dns.answer(ran.output, asked)
            except ValueError:  # not a name at all, or not an answer
                continue
            if said.addresses:
                return said.addresses
            if said.problem == _NO_SUCH_NAME:
                return Reach.NO_NAME
        return Reach.NOT_TRIED

    def _ran(self, program: bytes) -> Trial:
        return self._tried.run(program, config=self._config, seconds=_SECONDS)
