"""A network for one candidate, on an engine of the test's own that has a single range for one."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from certify.engine import firewall, reaper
from certify.engine.client import Engine
from certify.engine.launch_plan import LaunchPlan, Limits
from certify.engine.own_network import OWN, Surroundings, on_own_network
from certify.model.errors import LaunchRefused
from certify.model.result import CLOSED_NETWORK
from tests.support.private_engine import private_engine

POOLS = {"default-address-pools": [{"base": "198.19.250.0/28", "size": 28}]}
PLAN = LaunchPlan(kind="idle", isolation="default", network=OWN)


@pytest.mark.engine
def test_an_engine_without_a_range_left_is_told_with_its_remedy(tmp_path: Path) -> None:
    with private_engine(tmp_path, configuration=json.dumps(POOLS)) as own:
        with Engine.connect(own.address) as engine:
            first, second = reaper.new_run_id(), reaper.new_run_id()
            plan, reach = on_own_network(engine, PLAN, first, reaper.labels(first, "x"))
            assert plan.network is not None
            assert plan.network.startswith(f"certify-{first}-")
            assert reach.text.startswith("own: the host and private addresses are ")
            shared, reach = on_own_network(engine, replace(PLAN, network=None), second, {})
            assert shared.network is None
            assert "no range of addresses left" in reach.text
            with pytest.raises(LaunchRefused) as refused:
                on_own_network(engine, PLAN, second, reaper.labels(second, "x"))
            assert "The engine made no network for the candidate: " in refused.value.message
            assert "default-address-pools" in refused.value.remedy
            reaper.remove_run(engine, first)
            on_own_network(engine, PLAN, second, reaper.labels(second, "x"))
            reaper.remove_run(engine, second)
            assert engine.client.api.networks(filters={"label": reaper.RUN}) == []
    assert not {first, second} & set(chains())


@pytest.mark.engine
def test_the_network_takes_no_address_that_the_candidate_shall_reach(tmp_path: Path) -> None:
    two = {"default-address-pools": [{"base": "198.19.250.0/27", "size": 28}]}
    first_half = ("198.19.250.2", "198.19.0.0/16")  # nothing can avoid the second
    with (
        private_engine(tmp_path, configuration=json.dumps(two)) as own,
        Engine.connect(own.address) as engine,
    ):
        run = reaper.new_run_id()
        plan = replace(PLAN, limits=Limits(reach=first_half))
        plan, _ = on_own_network(engine, plan, run, reaper.labels(run, "x"))
        (network,) = engine.client.api.networks(filters={"label": reaper.RUN})
        assert network["Name"] == plan.network
        assert [each["Subnet"] for each in network["IPAM"]["Config"]] == ["198.19.250.16/28"]
        shared, _ = on_own_network(engine, replace(plan, network=None), run, {})
        assert shared.network is None, "what is left would hide an address"
        assert len(engine.client.api.networks(filters={"label": reaper.RUN})) == 1
        reaper.remove_run(engine, run)


def test_a_mirror_in_every_range_is_hidden_by_the_last_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(firewall, "close_bridge", lambda *_: "")
    made, removed = list[str](), list[str]()

    def create(name: str, **_: object) -> dict[str, str]:
        made.append(name)
        return {"Id": f"{len(made):012x}"}

    api = SimpleNamespace(
        create_network=create,
        inspect_network=lambda _id: {"IPAM": {"Config": [{"Subnet": "10.0.0.0/8"}]}},
        remove_network=removed.append,
    )
    engine = cast(Engine, SimpleNamespace(client=SimpleNamespace(api=api), local=True))
    limits = Limits(reach=("10.1.2.3",))
    plan, _ = on_own_network(engine, replace(PLAN, limits=limits), "x", {})
    assert (plan.network, len(made)) == (made[-1], 5)
    assert removed == [f"{number:012x}" for number in range(1, 5)]


def chains() -> list[str]:
    """The runs of which the host's firewall has rules."""
    if shutil.which("iptables") is None:
        return []
    listed = subprocess.run(["iptables", "-w", "-S"], capture_output=True, text=True, check=False)
    names = [
        line.split()[1] for line in listed.stdout.splitlines() if line.startswith("-N certify-")
    ]
    return [name.split("-")[1] for name in names]


@pytest.mark.parametrize(
    ("local", "why", "told"),
    [
        (True, "", f"{CLOSED_NETWORK}; no IPv4 address is known for no.such.host.invalid"),
        (True, "of a test", "own: the host and private addresses are open, as of a test"),
        (
            False,
            "",
            "own: the host and private addresses are open, as the engine is on another machine",
        ),
    ],
)
def test_the_result_names_what_reach_could_not_open(
    monkeypatch: pytest.MonkeyPatch, local: bool, why: str, told: str
) -> None:
    given: list[object] = []

    def close_bridge(*words: object) -> str:
        given.append(words)
        return why

    monkeypatch.setattr(firewall, "close_bridge", close_bridge)
    api = SimpleNamespace(
        create_network=lambda *_words, **_options: {"Id": "0123456789abcdef"},
        inspect_network=lambda _id: {"IPAM": {"Config": [{"Subnet": "fd00::/64"}]}},
    )
    engine = cast(Engine, SimpleNamespace(client=SimpleNamespace(api=api), local=local))
    limits = Limits(reach=("10.1.0.0/16", "no.such.host.invalid"))
    _, found = on_own_network(engine, replace(PLAN, limits=limits), "x", {})
    assert found.text == told
    closed = local and not why
    assert found.reach == (("10.1.0.0/16",) if closed else None)
    for address, private in (("10.2.0.1", True), ("10.1.0.1", False), ("203.0.113.1", False)):
        assert found.closes(IPv4Address(address)) is (closed and private)
    assert given == ([("br-0123456789ab", "x", ["10.1.0.0/16"])] if local else [])


def test_a_virtual_machine_stays_on_the_default_network_unless_it_must_not() -> None:
    plan = LaunchPlan(kind="idle", isolation="vm")
    same, found = on_own_network(None, plan, "x", {})  # type: ignore[arg-type]
    assert same == plan
    assert found.text.startswith("shared with other containers, as a virtual machine")


def test_any_other_network_is_left_as_it_is() -> None:
    plan = LaunchPlan(kind="idle", isolation="default", network="team")
    assert on_own_network(None, plan, "x", {}) == (plan, Surroundings())  # type: ignore[arg-type]
