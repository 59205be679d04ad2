"""The image's own rules of packets that keep nested containers from the network."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from certify.suite.candidate import Candidate
from certify.suite.claims import Proven
from certify.suite.own_rules import LIST, fail_if_filtered, suspects

LISTED = """\
table ip filter
table ip6 nat
table ip docker-bridges
table inet site
-P FORWARD DROP
-A FORWARD -j DOCKER-USER
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 -j REJECT --reject-with icmp-port-unreachable
-A FORWARD -m comment --comment "$(reboot)" -j DROP
"""
TABLE, RULE = "inet site", "-A FORWARD -i docker0 -j REJECT --reject-with icmp-port-unreachable"


class Filtering:
    """A candidate with a table and a rule that drop, until they are removed."""

    def __init__(self, listed: str = LISTED, removable: bool = True) -> None:
        self.listed, self.removable = listed, removable
        self.transcript: list[Any] = ["before"]
        self.removed: set[str] = set()

    def run(self, command: str) -> Any:
        self.transcript.append(command)
        if command.endswith(f"nft delete table {TABLE}"):
            self.removed |= {TABLE} if self.removable else set()
            return SimpleNamespace(rc=0 if self.removable else 1, stdout="")
        if command == f"iptables -D{RULE[2:]}":
            self.removed.add(RULE)
        if command.startswith("nft -f "):
            self.removed.discard(TABLE)
        if command.startswith("iptables-restore"):
            self.removed.discard(RULE)
        return SimpleNamespace(rc=0, stdout=self.listed if command == LIST else "")


def failure(candidate: Filtering, *needed: str) -> str:
    """Why a check fails that works only without what is needed; empty if no rule is to blame."""
    try:
        fail_if_filtered(
            cast(Candidate, candidate), "no reply", lambda: candidate.removed >= {*needed}
        )
    except Proven as proven:
        return str(proven)
    return ""


def test_suspects_are_neither_those_of_dockerd_nor_words_for_a_shell() -> None:
    assert suspects(LISTED) == [TABLE, RULE]
    assert suspects("") == []


@pytest.mark.parametrize(
    ("needed", "named"),
    [
        ((TABLE,), "firewall, the nftables table `inet site`: without it, it works"),
        ((RULE,), f"firewall, `iptables {RULE}`: without it, it works"),
        ((TABLE, RULE), f"`inet site`, `iptables {RULE}`: without them, it works"),
    ],
)
def test_the_fewest_rules_without_which_it_works_are_named(
    needed: tuple[str, ...], named: str
) -> None:
    candidate = Filtering()
    assert named in failure(candidate, *needed)
    assert not candidate.removed, "the firewall is as it was"
    assert candidate.transcript == ["before"], "trials are no evidence"


def test_no_rule_is_blamed_without_proof() -> None:
    assert not failure(Filtering(), "another cause")
    assert not failure(Filtering()), "it works again: a passing trouble"
    assert not failure(Filtering(listed="-P FORWARD DROP\n"), TABLE)
    assert not failure(Filtering(removable=False), TABLE)
