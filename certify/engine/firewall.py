"""Rules of this host's firewall for the bridge of one candidate.

They refuse what a candidate has no business with: the host's own services, link-local addresses
(where clouds keep credentials) and private ranges. Name servers stay open, and the addresses that
somebody names. Where certify may not write rules, it says why.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Collection, Iterable
from pathlib import Path

from certify.engine.probe.programs import CLOSED_PORT
from certify.judge.kernel_text import listening_ports

HOOK = "DOCKER-USER"
"""The chain in which Docker leaves room for rules of others."""
REFUSED = ("169.254.0.0/16", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
RESOLVERS = ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf")
_IPV6 = Path("/proc/sys/net/ipv6/conf")
_SECONDS = 20.0
_LONGEST = 253
_HOST = re.compile(r"(?:(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(?:\.(?!$)|\.?$))+")
_NUMBER = re.compile(r"(?:^|\.)(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?$")
_NAME = "certify-[0-9a-f]{12}(?:-host)?"
_CHAIN = re.compile(rf"^-N ({_NAME})$", re.M)
_JUMP = re.compile(rf"^-A \S+ -i (\S+) .*-j ({_NAME})$", re.M)
_REFUSE = ("-p tcp -j REJECT --reject-with tcp-reset", "-j REJECT")
"""A connection is reset: a refusal by ICMP may be seen only with the second try, a second later."""


def close_bridge(bridge: str, run: str, reach: Collection[str] = ()) -> str:
    """Write the rules for a bridge; return the reason if there are none, or an empty text.

    ``reach`` are addresses and ranges that stay open. :func:`tidy` removes the rules once the
    bridge is gone.
    """
    if os.geteuid() != 0:
        return "certify does not run as root"
    if shutil.which("iptables-restore") is None:
        return "there is no iptables here"
    if bridge not in _interfaces():
        return "certify sees no bridge of it on this machine"
    if _run("iptables", "-w", "-n", "-L", HOOK) is None:
        return f"the firewall has no chain {HOOK}"
    lines = rules(bridge, f"certify-{run}", reach, name_servers(), listens=_listens(CLOSED_PORT))
    if _run("iptables-restore", "-w", "--noflush", given=lines) is None:
        return "the firewall takes no rules"
    # The candidate gets no address of IPv6, but its root can take one, and the bridge has one.
    lines = closed(bridge, f"certify-{run}")
    written = _run("ip6tables-restore", "-w", "--noflush", given=lines) is not None
    return "" if written or not _has_ipv6(bridge) else "the firewall takes no rules for IPv6"


def _has_ipv6(bridge: str) -> bool:
    """Return True unless IPv6 is off for a bridge, or for the whole kernel."""
    try:
        return (_IPV6 / bridge / "disable_ipv6").read_text("ascii").strip() != "1"
    except FileNotFoundError:
        return False


def _listens(port: int) -> bool:
    """Return True if a program of this host listens on a TCP port."""
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            if port in listening_ports(Path("/proc/net", table).read_text("ascii")):
                return True
    return False


def rules(
    bridge: str,
    chain: str,
    reach: Collection[str],
    servers: Collection[str],
    *,
    listens: bool = False,
) -> str:
    """Return the rules for ``iptables-restore``.

    A packet to :data:`CLOSED_PORT` of the host gets the kernel's own reply, unless a program
    ``listens`` there: it goes where the kernel's routes lead. A reset by a rule goes back over the
    bridge, whoever the packet says it is from: a nested container without NAT would get it, too.
    """
    own, host = f"-A {chain}", f"-A {chain}-host"
    found = [f":{chain} - [0:0]", f":{chain}-host - [0:0]"]
    for each in (own, host):
        found.append(f"{each} -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN")
        found += [f"{each} -d {address} -j RETURN" for address in reach]
        found += [
            f"{each} -d {server} -p {protocol} --dport 53 -j RETURN"
            for server in servers
            for protocol in ("udp", "tcp")
        ]
    found += [f"{own} -d {network} {refuse}" for network in REFUSED for refuse in _REFUSE]
    found.append(f"{host} -p tcp --dport {CLOSED_PORT} -j {'REJECT' if listens else 'RETURN'}")
    found += [f"{host} {refuse}" for refuse in _REFUSE]
    found.append(f"-I {HOOK} 1 -i {bridge} ! -o {bridge} -j {chain}")
    found.append(f"-I INPUT 1 -i {bridge} -j {chain}-host")
    return "\n".join(["*filter", *found, "COMMIT", ""])


def closed(bridge: str, chain: str) -> str:
    """Return the rules for ``ip6tables-restore``: nothing leaves the bridge by IPv6."""
    jumps = [f"-I {of} 1 -i {bridge} -j {chain}" for of in ("INPUT", "FORWARD")]
    jumps[1] = jumps[1].replace(" -j", f" ! -o {bridge} -j")
    refusals = [f"-A {chain} {refuse}" for refuse in _REFUSE]
    return "\n".join(["*filter", f":{chain} - [0:0]", *refusals, *jumps, "COMMIT", ""])


def is_host(text: str) -> bool:
    """Return True for what may be the name of a host; ``10`` and ``0x7f.1`` are old addresses."""
    return len(text) <= _LONGEST and bool(_HOST.fullmatch(text)) and not _NUMBER.search(text)


def range_of(text: str) -> str | None:
    """Return an IPv4 address or range as the firewall writes it, or None for anything else."""
    try:
        return str(ipaddress.IPv4Network(text, strict=False))
    except ValueError:
        return None


def resolve(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the IPv4 addresses of hosts and ranges, and the names that have none here."""
    found: dict[str, None] = {}
    unknown = []
    for name in names:
        if written := range_of(name):
            found[written] = None
            continue
        try:
            # What is no name would be read as an address by inet_aton(3).
            known = socket.getaddrinfo(name, None, socket.AF_INET) if is_host(name) else []
        except OSError:
            known = []
        found |= {str(each[4][0]): None for each in known}
        if not known:
            unknown.append(name)
    return list(found), unknown


def name_servers() -> list[str]:
    """Return the name servers of this host, which the engine asks for a candidate."""
    found: dict[str, None] = {}
    for file in map(Path, RESOLVERS):
        try:
            lines = file.read_text("utf-8", "replace").splitlines()
        except OSError:
            continue
        for words in map(str.split, lines):
            if words[:1] == ["nameserver"]:
                with contextlib.suppress(ValueError, IndexError):  # IPv6, or no address
                    address = ipaddress.IPv4Address(words[1])
                    if not address.is_loopback:
                        found[str(address)] = None
    return list(found)


def tidy() -> int:
    """Remove all rules of candidates whose bridge is gone; return the number of chains.

    Each chain is removed by itself, so that one that another process removes at the same time
    keeps no other. What fails here is left to the next call.
    """
    if os.geteuid() != 0:
        return 0
    removed = 0
    for program in ("iptables", "ip6tables"):
        if shutil.which(program) is None:
            continue
        listed = _run(program, "-w", "-S") or ""
        for lines in removals(listed, _interfaces()):  # in this order: bridges come before rules
            removed += _run(f"{program}-restore", "-w", "--noflush", given=lines) is not None
    return removed


def removals(listed: str, interfaces: Collection[str]) -> list[str]:
    """Return the lines for ``iptables-restore`` of each chain to which no interface leads.

    ``listed`` are all rules, as ``iptables -S`` prints them.
    """
    jumps: dict[str, list[str]] = {chain: [] for chain in _CHAIN.findall(listed)}
    used = set()
    for jump in _JUMP.finditer(listed):
        line, bridge, chain = jump[0], jump[1], jump[2]
        jumps[chain].append(line.replace("-A", "-D", 1))
        if bridge in interfaces:
            used.add(chain)
    return [
        "\n".join(["*filter", *jumps[chain], f"-F {chain}", f"-X {chain}", "COMMIT", ""])
        for chain in sorted(jumps.keys() - used)
    ]


def _interfaces() -> set[str]:
    return {name for _, name in socket.if_nameindex()}


def _run(*command: str, given: str | None = None) -> str | None:
    """Return what a command prints, or None if it fails."""
    try:
        ended = subprocess.run(
            command, input=given, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return ended.stdout if ended.returncode == 0 else None
