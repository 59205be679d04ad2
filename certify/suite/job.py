"""The launch plan for a profile, and the job of the process that runs the checks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import Field

from certify.engine.client import Engine
from certify.engine.isolation import Isolation
from certify.engine.launch import LaunchedContainer
from certify.engine.launch_plan import BASE_CAPABILITIES, CAPABILITIES, LaunchPlan, Limits
from certify.judge.profile import Budgets, Profile
from certify.model.errors import LaunchRefused
from certify.model.result import Image
from certify.model.terms import LaunchKind
from certify.model.value import Value
from certify.util.text import one_line


class Job(Value):
    """The input of the process that runs the checks; it travels as one line of JSON."""

    container: str
    image: Image
    launch: LaunchKind
    start_error: str = ""
    """The reason why the image's shell (under launch ``image``: its own command) could not be
    started; empty if it runs."""
    liveness_check: str = "image.shell"
    """The check that fails if the container does not stay up."""
    engine_platform: str
    requested_platform: str | None = None
    install: tuple[str, ...] = ()
    """Capabilities that the profile's platform installs at launch."""
    budgets: Budgets = Budgets()
    checks: tuple[str, ...] = ()
    """Ids of the shipped checks to run; empty for all."""
    pace: float = 1.0
    """The factor for every time limit: 1 on an ordinary host, more on a slow one."""
    env: dict[str, str] = Field(default_factory=dict)
    """The environment of a service that is launched in a base image."""
    reach: tuple[str, ...] | None = None
    """The private addresses and ranges that are open to the candidate; None if all are."""
    runs: int = 1
    """The number of starts by which the time until a service is ready is measured."""
    lanes: bool = False
    """True if independent checks may run side by side."""


def launch_of(profile: Profile) -> LaunchKind:
    """Return the kind of launch of the container: that of a service is its base image's."""
    return "init" if profile.launch == "nested" else profile.launch


def plan_launch(
    engine: Engine,
    profile: Profile,
    isolation: Isolation,
    *,
    pace: float,
    network: str | None = None,
    limits: Limits | None = None,
    timeout: float = 0.0,
) -> LaunchPlan:
    """Return the plan for launching an image under a profile, whose checks have so many seconds.

    Raises :class:`LaunchRefused` if the engine lacks the runtime, or if an init would share a
    network that it could rewrite.
    """
    kind = launch_of(profile)
    if kind == "init" and network and re.fullmatch("host|container:.*", network):
        raise LaunchRefused(
            f"On the network {one_line(network, limit=40)} an image that boots would rewrite the "
            "addresses and firewall of others, so it was not launched.",
            remedy="Choose a network of the engine's own (docker network create NAME).",
        )
    resolved = engine.resolve_isolation(isolation, kind)
    return LaunchPlan(
        kind=kind,
        isolation=resolved.level,
        runtime=resolved.runtime,
        host_users=resolved.host_users,
        unconfined=resolved.unconfined,
        install=profile.install,
        network=network,
        limits=limits or Limits(),
        apparmor=engine.apparmor,
        dialect=engine.dialect,
        capabilities=BASE_CAPABILITIES if profile.launch == "nested" else CAPABILITIES,
        pace=pace,
        timeout=timeout,
    )


def make_job(
    engine: Engine,
    image: Image,
    plan: LaunchPlan,
    started: LaunchedContainer,
    profiles: Sequence[Profile],
    *,
    platform: str | None = None,
    env: Mapping[str, str] | None = None,
) -> Job:
    """Return the job for an image that was launched, under profiles that share the launch.

    ``env`` is the environment that a service is given beside that of the profile.
    """
    first = profiles[0]
    return Job(
        container=started.container.id,
        image=image,
        launch=first.launch,
        start_error=started.refusal,
        liveness_check=first.liveness_check,
        engine_platform=engine.platform,
        requested_platform=platform,
        install=plan.install,
        budgets=first.launch_budgets,
        checks=tuple({check_id: None for each in profiles for check_id in each.checks}),
        pace=plan.pace,
        reach=started.surroundings.reach,
        env=dict(first.service.env) | dict(env or {}),
    )


def in_lanes(job: Job, engine: Engine, plan: LaunchPlan, *, asked: bool) -> Job:
    """Return the job with its checks side by side, where that is asked, possible and of use.

    Another lane needs an idle processor, and a local engine, to which a copied process connects.
    """
    able = asked and job.launch == "init" and engine.local and (plan.limits.cpus or engine.cpus) > 1
    return job.model_copy(update={"lanes": able})
