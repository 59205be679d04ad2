"""A network for one candidate alone: a bridge that is made and removed with it.

Where certify may write rules of the host's firewall, the host's services, link-local addresses and
private ranges are refused on it.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from certify.engine import firewall, reaper
from certify.engine.client import Engine
from certify.engine.errors import APIError, explanation, translate_errors
from certify.engine.launch_plan import LaunchPlan
from certify.model.errors import LaunchRefused
from certify.model.result import CLOSED_NETWORK
from certify.util.text import one_line

OWN = "own"
"""The name that insists on a network of its own; without any name, it is made where it can be."""

_SHARED = "shared with other containers, as {}"
_TRIES = 4
"""The most networks that are given up because what a candidate shall reach lies in their range."""
_NUMBERS = re.compile(r"[0-9.]+")
_NO_RANGE = "non-overlapping"
"""A word of Docker's message if it has no range of addresses left for another network."""


@dataclass(frozen=True)
class Surroundings:
    """The reach of a candidate, as far as certify decides it."""

    text: str = ""
    """The same in words; empty on a network that somebody named."""
    reach: tuple[str, ...] | None = None
    """The private addresses and ranges that are open; None if all are."""

    def closes(self, address: IPv4Address) -> bool:
        """Return True for an address that the rules of the firewall refuse."""
        return (
            self.reach is not None
            and _within(address, firewall.REFUSED)
            and not _within(address, self.reach)
        )

    def closes_what_is_named(self, text: str, inner: Iterable[IPv4Network]) -> bool:
        """Return True if a text names such an address, and no network of ``inner`` has it."""
        inside = tuple(inner)
        for word in _NUMBERS.findall(text):
            with contextlib.suppress(ValueError):
                address = IPv4Address(word.strip("."))
                if self.closes(address) and not any(address in each for each in inside):
                    return True
        return False


def _within(address: IPv4Address, ranges: Collection[str]) -> bool:
    return any(address in IPv4Network(each) for each in ranges)


def is_own(network: str | None) -> bool:
    """Return True if candidates get networks of their own: nobody named one, or ``own``."""
    return network in (None, OWN)


def shared_network(name: str | None) -> str | None:
    """Return the engine's network for what is no candidate; None stands for the default one."""
    return None if name == OWN else name


def on_own_network(
    engine: Engine, plan: LaunchPlan, run: str, labels: Mapping[str, str]
) -> tuple[LaunchPlan, Surroundings]:
    """Return the plan, with the network that it asks for; that of a run is removed with the run.

    A plan that names no network gets the engine's default one where a bridge of its own would not
    do, or cannot be had. Raises :class:`LaunchRefused` if the engine makes no network.
    """
    if not is_own(plan.network):
        return plan, Surroundings()
    asked = plan.network == OWN
    if plan.isolation == "vm" and not asked:
        # Docker's resolver on such a bridge is not in the network of the virtual machine.
        why = "a virtual machine does not reach the name server of a network of its own"
        return plan, Surroundings(_SHARED.format(why))
    reach, unknown = firewall.resolve(plan.limits.reach)
    with translate_errors():
        try:
            name, bridge = _make(engine, run, labels, reach)
        except APIError as error:
            why = one_line(explanation(error))
            if _NO_RANGE in why and not asked:
                left = "the engine has no range of addresses left for another network"
                return plan, Surroundings(_SHARED.format(left))
            raise LaunchRefused(
                f"The engine made no network for the candidate: {why}",
                remedy="Remove networks that nobody uses (docker network prune), allow the engine"
                " more ranges of addresses (default-address-pools in its daemon.json), or choose"
                " one that it has, such as its default: --network bridge.",
            ) from error
    return replace(plan, network=name), _close(engine, bridge, run, reach, unknown)


def _make(
    engine: Engine, run: str, labels: Mapping[str, str], reach: Collection[str]
) -> tuple[str, str]:
    """Make a network that takes no address of ``reach`` for itself; return it, and its bridge.

    The engine chooses a range that no route of its host has; a mirror behind the default route may
    lie in it. One that does is kept until there is another, or the engine would choose it again.
    """
    api, unfit = engine.client.api, list[str]()
    try:
        while True:
            name = reaper.another_name(run)
            made = str(api.create_network(name, driver="bridge", labels=dict(labels))["Id"])
            taken = [*_ranges(api.inspect_network(made))] if reach else []
            if len(unfit) == _TRIES or not any(
                IPv4Network(each).subnet_of(of) for each in reach for of in taken
            ):
                return name, f"br-{made[:12]}"
            unfit.append(made)
    finally:
        for each in unfit:
            with contextlib.suppress(APIError):  # it goes with the run
                api.remove_network(each)


def _ranges(network: Mapping[str, Any]) -> Iterator[IPv4Network]:
    for each in network["IPAM"]["Config"] or ():
        with contextlib.suppress(ValueError):  # IPv6
            yield IPv4Network(each["Subnet"])


def _close(
    engine: Engine, bridge: str, run: str, reach: Collection[str], unknown: Collection[str]
) -> Surroundings:
    """Write the rules for a bridge where that is possible; return what it leads to."""
    if not engine.local:
        return Surroundings(_open("the engine is on another machine"))
    if why := firewall.close_bridge(bridge, run, reach):
        return Surroundings(_open(why))
    names = f"; no IPv4 address is known for {', '.join(unknown)}" if unknown else ""
    return Surroundings(CLOSED_NETWORK + names, tuple(reach))


def _open(why: str) -> str:
    return f"{OWN}: the host and private addresses are open, as {why}"
