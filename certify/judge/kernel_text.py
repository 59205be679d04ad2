"""Conclusions from texts of the kernel about mounts, routes, sockets and processors. Pure."""

from __future__ import annotations

import contextlib
import re
import struct
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network

_UNFIT_FOR_OVERLAY = re.compile(r"nfs4?|virtiofs|9p|zfs|ecryptfs|fuse(\..+)?|overlay|v?fat|cifs")
_ADDRESSES = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?")
"""Addresses and networks of IPv4 in a text."""
_INSTRUCTIONS = {
    2: {"ssse3", "sse4_2", "popcnt", "cx16"},
    3: {"avx2", "bmi1", "bmi2", "fma", "movbe"},
    4: {"avx512f", "avx512bw", "avx512dq", "avx512vl"},
}
"""Instructions of each level of x86-64, as /proc/cpuinfo names them (x86-64 psABI)."""
_TINY = 8 * 1024
"""The size of a folder that is too small for any package manager, in KiB."""
_WORKED_IN = re.compile(r"/(tmp|var(/tmp|/cache|/lib)?(/(apt|dpkg|dnf|pacman|rpm)\b.*)?)")
"""Folders that package managers work in."""


def unfit_for_overlay(mounts: str, path: str) -> bool | None:
    """Return True if overlay cannot write to what /proc/self/mountinfo has at a path.

    None if nothing is mounted there.
    """
    kinds = re.findall(rf"^(?:\S+ ){{4}}{re.escape(path)} .*? - (\S+)", mounts, re.M)
    return _UNFIT_FOR_OVERLAY.fullmatch(kinds[-1]) is not None if kinds else None


def default_gateway(routes: str, order: str = "<") -> str | None:
    """Return the address of the default gateway in /proc/net/route, or None if there is none.

    ``order`` is that of the machine's bytes, as for ``struct``.
    """
    for line in routes.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 7 and fields[1] == fields[7] == "00000000" and fields[2].strip("0"):
            with contextlib.suppress(ValueError, struct.error):
                return str(IPv4Address(struct.pack(f"{order}I", int(fields[2], 16))))
    return None


def inner_networks(routes: str, order: str = "<") -> list[IPv4Network]:
    """Return the networks in /proc/net/route that lie behind another interface than the default.

    ``order`` is that of the machine's bytes, as for ``struct``.
    """
    return [network for network, outer in _networks(routes, order) if not outer]


def own_network_in(text: str, routes: str, order: str = "<") -> str:
    """Return the network of the default route's interface if a text names addresses of it.

    ``routes`` is /proc/net/route, ``order`` that of the machine's bytes. Empty if it names none.
    """
    named = []
    for word in _ADDRESSES.findall(text):
        with contextlib.suppress(ValueError):
            named.append(IPv4Network(word, strict=False))
    own = (network for network, outer in _networks(routes, order) if outer)
    return next((str(each) for each in own if any(map(each.overlaps, named))), "")


def _networks(routes: str, order: str) -> Iterator[tuple[IPv4Network, bool]]:
    """Yield each network, and True if it is on the interface of the default route."""
    lines = [fields for fields in map(str.split, routes.splitlines()[1:]) if len(fields) > 7]
    outer = {fields[0] for fields in lines if fields[1] == fields[7] == "00000000"}
    for fields in lines if outer else ():
        with contextlib.suppress(ValueError, struct.error):
            address, mask = (
                IPv4Address(struct.pack(f"{order}I", int(fields[each], 16))) for each in (1, 7)
            )
            if mask != IPv4Address(0):
                yield IPv4Network(f"{address}/{mask}"), fields[0] in outer


def listening_ports(tables: str) -> set[int]:
    """Return the TCP ports on which a program listens, by /proc/net/tcp and tcp6 (proc_net_tcp(5)).

    ``tables`` may be several of these texts, one after another.
    """
    rows = (line.split() for line in tables.splitlines())
    found = (re.fullmatch(r"[0-9A-F]{8,32}:([0-9A-F]{4})", row[1]) for row in rows if _listens(row))
    return {int(each[1], 16) for each in found if each}


def _listens(row: Sequence[str]) -> bool:
    return len(row) > 3 and row[3] == "0A"  # TCP_LISTEN


def refusals(counters: str) -> int:
    """Return how often /proc/net/snmp says that a destination was called unreachable (ICMP)."""
    return _counted(counters, "Icmp", "OutDestUnreachs") or 0


def forwarded(counters: str) -> int | None:
    """Return how many packets /proc/net/snmp says were forwarded; None if it does not say.

    Newer kernels count a packet before the rules for what is forwarded see it, older ones after.
    """
    return _counted(counters, "Ip", "ForwDatagrams")


def _counted(counters: str, protocol: str, name: str) -> int | None:
    names, numbers, *_ = [*re.findall(rf"^{protocol}: (.*)", counters, re.M), "", ""]
    number = dict(zip(names.split(), numbers.split(), strict=False)).get(name, "")
    return int(number) if number.isdecimal() else None


def full_mounts(text: str) -> set[str]:
    """Return the file systems in memory that the image itself mounts, and that are full.

    So is a tiny one that package managers work in: what filled it is removed before anybody looks.

    ``text`` is the table of ``df -P``, an empty line, then the image's own lines of /etc/fstab and
    ``Where=`` of its mount units.
    """
    there, _, own = text.partition("\n\n")
    mounts = re.findall(r"^\S+ +(\d+) +\d+ +\d+ +(\d+)% (/\S*)", there, re.M)
    full = [
        path
        for size, used, path in mounts
        if int(used) >= 98 or (int(size) < _TINY and _WORKED_IN.fullmatch(path))
    ]
    limited = re.findall(r"^(?!#)\S+\s+(/\S*)\s+tmpfs\s+\S*\bsize=", own, re.M)
    return {*full} & {*limited, *re.findall(r"^Where=(/\S*)", own, re.M)}


def lacks_instructions(flags: str, line: str) -> bool | None:
    """Return True if a processor lacks the level that a line names (level 3, if it names none).

    ``flags`` is a line of /proc/cpuinfo; None if it is empty, as where there is no x86.
    """
    named = re.search(r"x86-64-v([234])", line)
    level = int(named[1]) if named else 3
    wanted = set().union(*(each for number, each in _INSTRUCTIONS.items() if number <= level))
    return not wanted <= set(flags.split()) if flags.strip() else None
