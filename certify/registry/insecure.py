"""Registries that an engine may reach without TLS, or with a certificate that nobody trusts."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any


def is_insecure(host: str, info: Mapping[str, Any]) -> bool:
    """Return True if the engine's ``insecure-registries`` name this host.

    ``info`` is the engine's answer to ``docker info``. An entry for the host itself counts
    first, as in Docker; without one, any of the host's addresses may lie in a range.
    See "insecure-registries" in its documentation.
    """
    settings = info.get("RegistryConfig") or {}
    entry = (settings.get("IndexConfigs") or {}).get(host)
    if entry is not None:
        return not entry.get("Secure", True)
    ranges = [ip_network(each) for each in settings.get("InsecureRegistryCIDRs") or ()]
    return any(address in each for address in _addresses(host) for each in ranges)


def _addresses(host: str) -> Iterator[IPv4Address | IPv6Address]:
    name = host if host.endswith("]") else host.rsplit(":", 1)[0]
    name = name.strip("[]")
    with contextlib.suppress(ValueError):
        yield ip_address(name)
        return
    with contextlib.suppress(OSError, UnicodeError):
        for *_, address in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM):
            yield ip_address(str(address[0]).partition("%")[0])
