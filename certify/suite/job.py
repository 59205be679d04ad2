"""What is to be examined, and how: from profiles and an engine to a launch, and to its checks."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import Field

from certify.engine.client import Engine
from certify.engine.launch import LaunchedContainer
from certify.engine.launch_plan import LaunchPlan, Limits
from certify.judge.profiles import Profile
from certify.model.errors import LaunchRefused
from certify.model.result import Image, LaunchKind
from certify.model.value import Value
from certify.util.text import one_line


class Job(Value):
    """What the process that runs the checks must know; travels as one line of JSON."""

    container: str
    image: Image
    launch: LaunchKind
    refused: str = ""
    """Why the image's shell (under launch ``image``: its own command) could not be started; empty
    if it runs."""
    liveness_check: str = "image.shell"
    """The check that answers for a container that does not stay up."""
    engine_platform: str
    asked_platform: str | None = None
    install: tuple[str, ...] = ()
    """Capabilities that the profile's platform installs at launch."""
    budgets: dict[str, float] = Field(default_factory=dict)
    only: tuple[str, ...] = ()
    """Ids of the shipped checks to run; empty for all."""
    pace: float = 1.0
    """What every limit of time is multiplied by: 1 on an ordinary host, more on a slow one."""


def plan_for(
    engine: Engine,
    profile: Profile,
    isolation: str,
    *,
    pace: float,
    network: str | None = None,
    limits: Limits | None = None,
) -> LaunchPlan:
    """How to launch an image for a profile.

    Raises :class:`LaunchRefused` for a runtime that the engine lacks, and for an
    init on a network that is somebody else's: it has the right to rewrite what it finds there.
    """
    if profile.launch == "init" and network and re.fullmatch("host|container:.*", network):
        raise LaunchRefused(
            f"On the network {one_line(network, limit=40)} an image that boots would rewrite the "
            "addresses and firewall of others, so it was not launched.",
            remedy="Choose a network of the engine's own (docker network create NAME).",
        )
    return LaunchPlan(
        kind=profile.launch,
        isolation=engine.resolve_isolation(isolation) if profile.launch == "init" else "default",
        install=profile.install,
        network=network,
        limits=limits or Limits(),
        apparmor=engine.apparmor,
        pace=pace,
    )


def job_for(
    engine: Engine,
    image: Image,
    plan: LaunchPlan,
    started: LaunchedContainer,
    profiles: Sequence[Profile],
    *,
    platform: str | None = None,
) -> Job:
    """What to ask of an image that was started, for profiles that share the launch."""
    first = profiles[0]
    return Job(
        container=started.container.id,
        image=image,
        launch=plan.kind,
        refused=started.refusal,
        liveness_check=first.liveness_check,
        engine_platform=engine.platform,
        asked_platform=platform,
        install=plan.install,
        budgets=first.launch_budgets.model_dump(),
        only=tuple({check_id: None for each in profiles for check_id in each.checks}),
        pace=plan.pace,
    )
