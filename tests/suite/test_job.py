"""What a profile and an engine come to: the launch, and what is asked of what was launched."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from certify.engine.client import Engine
from certify.engine.container import Container
from certify.engine.dialect import PODMAN
from certify.engine.isolation import Isolation, resolve_isolation
from certify.engine.launch import LaunchedContainer
from certify.engine.launch_plan import LaunchPlan, Limits
from certify.engine.own_network import Surroundings
from certify.judge.profiles import Budgets, load
from certify.model.errors import LaunchRefused
from certify.model.result import Image
from certify.model.terms import LaunchKind
from certify.suite.job import Job, in_lanes, make_job, plan_launch

ENGINE = cast(
    Engine,
    SimpleNamespace(
        resolve_isolation=lambda asked, kind: resolve_isolation({}, kind, asked),
        apparmor=True,
        dialect=PODMAN,
        platform="linux/amd64",
    ),
)
CAPS = Isolation("caps")
IMAGE = Image(reference="debian:12", platform="linux/arm64")


@pytest.mark.parametrize(
    ("profile", "asked", "kind", "isolation"),
    [
        ("devspace", "auto", "init", "caps"),
        ("devspace", "privileged", "init", "privileged"),
        ("plain", "privileged", "idle", "default"),
        ("webdevops-base", "auto", "image", "default"),
    ],
)
def test_only_an_init_is_given_rights(profile: str, asked: str, kind: str, isolation: str) -> None:
    plan = plan_launch(ENGINE, load(profile), Isolation(asked), pace=1)
    assert (plan.kind, plan.isolation) == (kind, isolation)


def test_a_plan_holds_all_options() -> None:
    limits = Limits(memory="1g", cpus=0.5)
    plan = plan_launch(ENGINE, load("devspace"), CAPS, pace=2.5, network="mine", limits=limits)
    assert plan == LaunchPlan(
        kind="init",
        isolation="caps",
        install=load("devspace").install,
        network="mine",
        limits=limits,
        apparmor=True,
        dialect=PODMAN,
        pace=2.5,
    )


@pytest.mark.parametrize("network", ["host", "container:other"])
def test_an_init_gets_no_network_of_somebody_elses(network: str) -> None:
    """Its dockerd would rewrite the firewall of the host; with no rights over it, it may look."""
    with pytest.raises(LaunchRefused, match=network):
        plan_launch(ENGINE, load("devspace"), CAPS, pace=1, network=network)
    assert plan_launch(ENGINE, load("plain"), CAPS, pace=1, network=network).network == network
    assert plan_launch(ENGINE, load("devspace"), CAPS, pace=1, network="hosts").network == "hosts"


def test_checks_wait_as_long_as_the_launch_does() -> None:
    """On a slow host a limit of time in a check is as many times longer as one of the boot."""
    profiles = [load("plain"), load("devcontainer")]
    plan = plan_launch(ENGINE, profiles[0], Isolation(), pace=3.0)
    candidate = cast(Container, SimpleNamespace(id="c0ffee"))
    surroundings = Surroundings("closed", ("10.1.0.0/16",))
    started = LaunchedContainer(
        candidate, "certify-1", refusal="no shell", surroundings=surroundings
    )
    job = make_job(ENGINE, IMAGE, plan, started, profiles, platform="linux/arm64")
    assert job == Job(
        container="c0ffee",
        image=IMAGE,
        launch="idle",
        start_error="no shell",
        liveness_check=profiles[0].liveness_check,
        engine_platform="linux/amd64",
        requested_platform="linux/arm64",
        install=plan.install,
        budgets=profiles[0].budgets,
        checks=tuple(dict.fromkeys([*profiles[0].checks, *profiles[1].checks])),
        pace=3.0,
        reach=("10.1.0.0/16",),
    )


HEEDED = {
    "devspace": {"boot": 30, "dockerd": 31, "provision": 32, "shutdown": 33},
    "webdevops-base": {"boot": 30, "dockerd": 20, "provision": 300, "shutdown": 10},
    "plain": {"boot": 15, "dockerd": 20, "provision": 300, "shutdown": 10},
}


@pytest.mark.parametrize(("profile", "heeded"), HEEDED.items())
def test_only_budgets_of_the_launch_reach_its_checks(
    profile: str, heeded: dict[str, float]
) -> None:
    """So that profiles that differ in the others can share it."""
    budgets = Budgets(boot=30, dockerd=31, provision=32, shutdown=33, ready=34)
    mine = load(profile).model_copy(update={"budgets": budgets})
    plan = plan_launch(ENGINE, mine, Isolation(), pace=1)
    candidate = cast(Container, SimpleNamespace(id="c0ffee"))
    job = make_job(
        ENGINE, IMAGE, plan, LaunchedContainer(candidate, "certify-1", refusal=""), [mine]
    )
    assert job.budgets.model_dump() == heeded | {"ready": 30}, "only services have that one"


@pytest.mark.parametrize(
    ("launch", "local", "engines", "limit", "expected"),
    [
        ("init", True, 2, None, True),
        ("init", True, 1, None, False),
        ("init", True, 8, 1.0, False),
        ("init", False, 8, None, False),
        ("idle", True, 8, None, False),
    ],
)
def test_checks_run_side_by_side_where_that_gains_anything(
    launch: LaunchKind, local: bool, engines: int, limit: float | None, expected: bool
) -> None:
    job = Job(container="c", image=Image(reference="a:1"), launch=launch, engine_platform="l/amd64")
    engine = cast(Engine, SimpleNamespace(local=local, cpus=engines))
    plan = LaunchPlan(launch, "caps", limits=Limits(cpus=limit))
    assert in_lanes(job, engine, plan, asked=True).lanes is expected
    assert not in_lanes(job, engine, plan, asked=False).lanes
