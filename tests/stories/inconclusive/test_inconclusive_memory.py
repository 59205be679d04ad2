"""Programs that are killed in the candidate: for want of memory, or by somebody outside."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from certify.engine.boot import wait_booted
from certify.engine.client import Engine
from certify.engine.launch import launch_container
from certify.engine.launch_plan import LaunchPlan, Limits
from certify.model.finding import Claim
from certify.model.terms import Fault, Outcome
from certify.suite.candidate import Candidate
from certify.suite.claims import Spec
from certify.suite.outcomes import CheckOutcome, Outcomes
from tests.conftest import SAMPLES

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]

# The kernel is told to kill this one, never the shell that waits for it.
TOO_MUCH = "(echo 1000 >/proc/self/oom_score_adj; head -c 200000000 /dev/zero | tail >/dev/null)"


@pytest.mark.parametrize(
    ("command", "code", "outcome", "fault"),
    [
        ("exit 100", 100, Outcome.FAILED, Fault.IMAGE),
        ("sh -c 'kill -9 $$'", 137, Outcome.UNKNOWN, Fault.HOST),
        (TOO_MUCH, 137, Outcome.UNKNOWN, Fault.LAUNCH),
        (f"sh -c '{TOO_MUCH}' || exit 100", 100, Outcome.UNKNOWN, Fault.LAUNCH),
    ],
    ids=["nothing", "from outside", "of itself", "of its child"],
)
def test_what_was_killed_does_not_fail_the_image(
    engine: Engine, command: str, code: int, outcome: Outcome, fault: Fault
) -> None:
    plan = LaunchPlan("idle", "default", limits=Limits(memory="32m"))
    with launch_container(engine, f"{SAMPLES}/debian", plan) as started:
        answer = started.container.shell().run(command)
        assert answer.rc == code
        job = SimpleNamespace(launch="idle", liveness_check="image.shell", start_error="")
        candidate = SimpleNamespace(container=started.container, job=job, transcript=[answer])
        meant = outcome_of(cast(Candidate, candidate))
    assert (meant.outcome, meant.fault) == (outcome, fault)


def test_a_unit_that_was_killed_and_is_gone_does_not_fail_the_image(engine: Engine) -> None:
    """Under cgroup v1 no counter is left, as its cgroup goes with the unit."""
    plan = LaunchPlan("init", "caps", limits=Limits(memory="96m"))
    with launch_container(engine, f"{SAMPLES}/debian-devspace", plan) as started:
        wait_booted(started.container, install_seconds=60, boot_seconds=60)
        answer = started.container.shell().run(f"systemd-run --wait --quiet sh -c '{TOO_MUCH}'")
        assert answer.rc not in (0, 127)
        job = SimpleNamespace(launch="init", liveness_check="image.shell", start_error="")
        candidate = SimpleNamespace(container=started.container, job=job, transcript=[answer])
        meant = outcome_of(cast(Candidate, candidate))
    assert (meant.outcome, meant.fault) == (Outcome.UNKNOWN, Fault.LAUNCH)


def outcome_of(candidate: Candidate) -> CheckOutcome:
    claim = Claim(id="packages.install", title="t", claim="It is so.", why="w", how="h", remedy="r")
    error = AssertionError("ed could not be installed")
    return Outcomes(candidate).classify(Spec(claim), error, note="", is_alive=True)
