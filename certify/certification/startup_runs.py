"""How soon a candidate is up: all launches that were timed, on a host as fast as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from certify.certification.relaunch import start_again
from certify.engine.calibration import host_calibration, slower_calibration
from certify.engine.client import Engine
from certify.engine.launch_plan import LaunchPlan
from certify.judge.profiles import Profile
from certify.judge.startup import (
    PHASES,
    Start,
    corrected_skips,
    excuse_slow_host,
    is_emulated,
    judge_starts,
    over_budget,
    pace,
)
from certify.model.finding import Finding
from certify.model.result import Host, Image
from certify.model.terms import Outcome


def measured_host(engine: Engine) -> Host:
    """The engine's host, with how fast it is (measured once a process)."""
    return engine.host().model_copy(update={"calibration": host_calibration(engine)})


def pace_of(engine: Engine, host: Host | None, platform: str | None) -> float:
    """How many times as long as on an ordinary host a candidate for a platform may take there."""
    emulated = is_emulated(engine.platform, platform)
    return pace(host.calibration if host else None, emulated=emulated)


def starts(
    engine: Engine,
    image: Image,
    plan: LaunchPlan,
    profile: Profile,
    facts: Mapping[str, Any],
    platform: str | None,
) -> Iterator[Start]:
    """The launch that the checks examined, then one more each time that one is asked for.

    None at all if the first did not come up. Raises :class:`EngineUnavailable`.
    """
    first = Start.model_validate(
        {f"{phase}_seconds": facts.get(f"{phase}_seconds") for phase in PHASES}
    )
    if first.boot_seconds is None:
        return
    yield first
    while True:
        yield start_again(
            engine,
            image.image_id or image.reference,
            plan,
            profile.launch_budgets.model_dump(),
            platform=platform,
            dockerd=first.dockerd_seconds is not None,
        )


def weigh(
    engine: Engine,
    host: Host | None,
    image: Image,
    profile: Profile,
    findings: Mapping[str, Finding],
    facts: Mapping[str, Any],
    timed: Sequence[Start],
) -> tuple[dict[str, Finding], Host | None]:
    """The findings that change when all launches and the host's speed are taken into account.

    The speed is measured anew if something is over budget, for the host may have become busy
    since; the host that is returned says so.
    """
    budgets = profile.launch_budgets.model_dump()
    judged = judge_starts(findings, timed, budgets)
    late = {
        finding: over
        for finding in (dict(findings) | judged).values()
        if (over := over_budget(finding, facts, timed, budgets))
    }
    if late and host:
        calibration = slower_calibration(engine)
        host = host.model_copy(update={"calibration": calibration})
        emulated = is_emulated(engine.platform, image.platform)
        for finding, over in late.items():
            weighed = excuse_slow_host(finding, *over, calibration, emulated=emulated)
            judged[finding.id] = weighed
            if weighed.outcome is Outcome.UNKNOWN:
                judged |= corrected_skips(findings, finding.id)
    return {each: found for each, found in judged.items() if found != findings.get(each)}, host
