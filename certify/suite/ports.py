"""The ports that an image exposes, and those of them that are open."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from certify.engine.probe import programs
from certify.judge.kernel_text import listening_ports
from certify.suite.candidate import Candidate

_FEW = 20
"""So many ports are all tried: packets to one may be redirected to another, on which a program
listens."""
_EXPOSED = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?(?:/tcp)?", re.ASCII)


def tcp_ports(exposed: Iterable[str]) -> list[int]:
    """Return the TCP ports among exposed ones: ``80/tcp``, ``80``, or ``8000-8010/tcp``.

    What is no port, as only a builder other than Docker's writes it, is left out.
    """
    found: set[int] = set()
    for each in exposed:
        if parts := _EXPOSED.fullmatch(each):
            first, last = int(parts[1]), int(parts[2] or parts[1])
            found.update(range(max(first, 1), min(last, 65535) + 1))
    return sorted(found)


def in_ranges(ports: Iterable[int]) -> list[str]:
    """Return sorted ports as texts, of which each has all that follow each other: ``8000-8010``."""
    found: list[list[int]] = []
    for port in ports:
        if found and port == found[-1][-1] + 1:
            found[-1][1:] = [port]
        else:
            found.append([port])
    return ["-".join(map(str, each)) for each in found]


def open_ports(
    candidate: Candidate, container: Mapping[str, Any], ports: Sequence[int]
) -> Iterator[int]:
    """Yield the ports of a nested container that accept a connection from the candidate.

    ``container`` is what ``docker inspect`` says of it. Of many ports, those on which nothing
    listens, by the kernel's own tables, are not tried.
    """
    networks = (container.get("NetworkSettings") or {}).get("Networks") or {}
    addresses = [each.get("IPAddress") for each in networks.values()]
    address = next((each for each in addresses if each), "127.0.0.1")
    architecture = candidate.engine_platform.split("/")[1]
    if len(ports) > _FEW:
        known = _listening(candidate, (container.get("State") or {}).get("Pid") or 0)
        ports = ports if known is None else [port for port in ports if port in known]
    for port in ports:
        program = programs.connect(architecture, address, port)
        if candidate.run(candidate.add_program("connect", program), timeout=5).rc == 0:
            yield port


def _listening(candidate: Candidate, pid: int) -> set[int] | None:
    """Return the ports on which programs listen in a process's network; None if it is unknown.

    Where there is no process any more, none does.
    """
    if not pid:
        return set()
    read = candidate.run(f"cat /proc/{pid}/net/tcp /proc/{pid}/net/tcp6")
    candidate.transcript.pop()  # a line for each connection
    return listening_ports(read.stdout) if "local_address" in read.stdout else None
