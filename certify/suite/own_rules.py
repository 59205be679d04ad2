"""The image's own rules of packets that keep nested containers from the network."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from certify.suite.candidate import Candidate
from certify.suite.claims import proven
from certify.suite.elimination import culprits

LIST = "nft list tables 2>/dev/null; iptables -S FORWARD; iptables -S DOCKER-USER 2>/dev/null"
"""Prints the tables of nftables, and the rules for what is forwarded, for :func:`suspects`."""
_TABLE = re.compile(r"^table (?!ip6? (?:filter|nat|mangle|raw|security|docker-\S+)$)(\w+ [\w.-]+)$")
"""A table that neither iptables nor dockerd made."""
_RULE = re.compile(r"^-A (?:FORWARD|DOCKER-USER) .*-j (?:DROP|REJECT)\b.*")
_MOST = 12
"""The most tables and rules that are tried: each takes some nested containers."""
_KEPT, _KEPT_RULES = "/run/certify/table", "/run/certify/forward"


def suspects(listed: str) -> list[str]:
    """Return the tables of nftables, and the rules of iptables, that may drop what is forwarded.

    ``listed`` is what :data:`LIST` prints.
    """
    lines = [line.strip() for line in listed.splitlines()]
    tables = [found[1] for line in lines if (found := _TABLE.match(line))]
    rules = [line for line in lines if _RULE.match(line) and not re.search(r"[\"'`$\\;|&<>]", line)]
    return list(dict.fromkeys([*tables, *rules]))


def fail_if_filtered(candidate: Candidate, problem: str, works: Callable[[], bool]) -> None:
    """Fail with a problem if rules of the image bring it about; else return.

    ``works`` tells whether what failed works now; it is asked with and without the rules.
    """
    before = len(candidate.transcript)
    names = suspects(candidate.run(LIST).stdout)

    def works_without(some: Sequence[str]) -> bool:
        removed = []
        candidate.run(f"iptables-save >{_KEPT_RULES}")
        for number, name in enumerate(some):
            if name.startswith("-A "):
                candidate.run(f"iptables -D{name[2:]}")
                continue
            kept = f"{_KEPT}-{number}"
            keep = f"{{ echo 'table {name}'; nft list table {name}; }}"
            if candidate.run(f"{keep} >{kept} && nft delete table {name}").rc == 0:
                removed.append(kept)
        try:
            return works()
        finally:
            for kept in removed:
                candidate.run(f"nft -f {kept}")
            if any(name.startswith("-A ") for name in some):
                candidate.run(f"iptables-restore <{_KEPT_RULES}")

    found = culprits(names, works_without) if len(names) <= _MOST else []
    del candidate.transcript[before:]  # trials are no evidence of the failure
    if found:
        named = ", ".join(
            f"`iptables {each}`" if each.startswith("-A ") else f"the nftables table `{each}`"
            for each in found
        )
        them = "them" if len(found) > 1 else "it"
        proven(
            f"{problem} because of the image's own firewall, {named}: without {them}, it works",
            remedy="Let the image's firewall accept what dockerd's bridges forward (interfaces "
            "docker0 and br-*), or remove it from the image: it is in /etc/nftables.conf, or in "
            "the unit or program that makes these rules.",
        )
