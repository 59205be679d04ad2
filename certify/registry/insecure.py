"""Which registries an engine reaches without trusted TLS."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any


def is_insecure(host: str, info: Mapping[str, Any]) -> bool:
    """Whether the engine was told so; ``info`` is what it says of itself.

    As Docker decides it: what is told of a host itself counts first; else whether an address
    of it lies in one of the ranges. See "insecure-registries" in its documentation.
    """
    told = info.get("RegistryConfig") or {}
    known = (told.get("IndexConfigs") or {}).get(host)
    if known is not None:
        return not known.get("Secure", True)
    ranges = [ip_network(each) for each in told.get("InsecureRegistryCIDRs") or ()]
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
