"""A network for one candidate alone: a bridge that is made and removed with it.

Where certify may write rules of the host's firewall, the host's services, link-local addresses and
private ranges are refused on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from certify.engine import firewall, reaper
from certify.engine.client import Engine
from certify.engine.errors import APIError, explanation, translate_errors
from certify.engine.launch_plan import LaunchPlan
from certify.model.errors import LaunchRefused
from certify.util.text import one_line

OWN = "own"
"""The name that asks for a network of its own."""

CLOSED = "the host and private addresses are closed, but for what --reach names"


def shared_network(name: str | None) -> str | None:
    """Return the engine's network for what is no candidate; None stands for the default one."""
    return None if name == OWN else name


def on_own_network(
    engine: Engine, plan: LaunchPlan, run: str, labels: Mapping[str, str]
) -> tuple[LaunchPlan, str]:
    """Return the plan, with the network that it asks for; that of a run is removed with the run.

    The second value tells what a candidate on a network of its own can reach.

    Raises :class:`LaunchRefused`, for example if no range of addresses is left.
    """
    if plan.network != OWN:
        return plan, ""
    name = reaper.another_name(run)
    with translate_errors():
        try:
            made = engine.client.api.create_network(name, driver="bridge", labels=dict(labels))
        except APIError as error:
            raise LaunchRefused(
                f"The engine made no network for the candidate: {one_line(explanation(error))}",
                remedy="Remove networks that nobody uses (docker network prune), allow the engine"
                " more ranges of addresses (default-address-pools in its daemon.json), or leave"
                " --network own out.",
            ) from error
    why = "the engine is on another machine"
    unknown: list[str] = []
    if engine.local:
        reach, unknown = firewall.resolve(plan.limits.reach)
        why = firewall.close_bridge(f"br-{made['Id'][:12]}", run, reach)
    text = f"the host and private addresses are open, as {why}" if why else CLOSED
    if unknown and not why:
        text += f"; no IPv4 address is known for {', '.join(unknown)}"
    return replace(plan, network=name), f"{OWN}: {text}"
