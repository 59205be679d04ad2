"""Looks up names and opens connections from inside a container of certify's own."""

from __future__ import annotations

import secrets
from dataclasses import replace
from ipaddress import IPv4Address

from certify.engine.probe import dns, programs
from certify.engine.probe.image import ProbeImage, ProbeRun

_UNREACHABLE = "the connection was refused, or there is no route"


class NetworkProbe:
    """A network of the engine, as containers of certify's own see it.

    Every method raises :class:`~certify.model.errors.LaunchRefused` if the engine does not start
    such a container, and :class:`~certify.model.errors.EngineUnavailable`.
    """

    def __init__(self, image: ProbeImage, network: str | None, *, seconds: int) -> None:
        """Use a network by its name (None for the engine's default); limit each run in seconds."""
        self._image = image
        self._config = {"network_mode": network} if network else {}
        self._seconds = seconds
        self._servers: tuple[str, ...] | None = None

    def lookup(self, name: str) -> dns.Resolution:
        """Look up the IPv4 addresses of a name with the container's own name servers.

        The first server that knows the name, or knows that it does not exist, decides.
        """
        if self._servers is None:
            conf = self._run(programs.copy_file(self._architecture, "/etc/resolv.conf"))
            self._servers = dns.nameservers(conf.output)
        found = dns.Resolution(problem="its resolv.conf names no IPv4 name server")
        for server in self._servers:
            found = self._query(server, name)
            if found.addresses or found.no_such_name:
                break
        return found

    def _query(self, server: str, name: str) -> dns.Resolution:
        try:
            query = dns.query(name, secrets.randbelow(1 << 16))
        except ValueError as error:
            return dns.Resolution(problem=str(error))
        run = self._run(programs.exchange(self._architecture, server, dns.PORT, query))
        try:
            found = dns.parse_response(run.output, query)
        except dns.BadResponse as error:
            found = dns.Resolution(problem=self.failure(run) or str(error))
        if found.addresses:
            return found
        return replace(found, problem=f"name server {server}: {found.problem}")

    def connect(self, address: IPv4Address, port: int) -> ProbeRun:
        """Open a TCP connection; its exit code is 0, or another if the connection fails."""
        return self._run(programs.connect(self._architecture, str(address), port))

    def fetch(self, address: IPv4Address, port: int, request: bytes) -> ProbeRun:
        """Send a request over TCP; the run's output is the reply."""
        return self._run(programs.fetch(self._architecture, str(address), port, request))

    def failure(self, run: ProbeRun) -> str:
        """Return why a run got no reply; empty if it got one."""
        if run.exit_code is None:
            return f"no answer within {self._seconds} s"
        return _UNREACHABLE if run.exit_code else ""

    @property
    def _architecture(self) -> str:
        return self._image.engine.architecture

    def _run(self, program: bytes) -> ProbeRun:
        return self._image.run(program, config=self._config, seconds=self._seconds)
