"""Further launches on a real engine: how soon each was up, or why it was not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from certify.certification import relaunch
from certify.certification.relaunch import start_again
from certify.engine.boot import Boot, wait_booted
from certify.engine.client import Engine
from certify.engine.container import Container
from certify.engine.launch_plan import LaunchPlan
from certify.judge.startup import Start
from certify.model.terms import Fault
from tests.conftest import SAMPLES
from tests.support.waiting import eventually

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]

BUDGETS = {"boot": 15.0, "dockerd": 20.0, "provision": 300.0, "shutdown": 10.0}
INIT = LaunchPlan("init", "caps")


def again(
    engine: Engine,
    sample: str,
    plan: LaunchPlan = INIT,
    *,
    dockerd: bool = False,
    budgets: Mapping[str, float] = BUDGETS,
) -> Start:
    name = f"{SAMPLES}/{sample}"
    return start_again(engine, name, plan, budgets, platform=None, dockerd=dockerd)


def test_what_comes_up_is_timed_by_its_own_clock(engine: Engine) -> None:
    start = again(engine, "debian-devspace", dockerd=True)
    assert start.failure == ""
    assert start.boot_seconds is not None
    assert start.dockerd_seconds is not None
    assert 0 < start.boot_seconds < 4 * BUDGETS["boot"]
    assert start.dockerd_seconds > 0


def test_without_dockerd_only_the_boot_is_timed(engine: Engine) -> None:
    start = again(engine, "debian-systemd")
    assert start.boot_seconds is not None
    assert (start.dockerd_seconds, start.failure) == (None, "")


def test_what_is_installed_at_launch_is_timed_as_well(engine: Engine) -> None:
    start = again(engine, "debian-systemd", LaunchPlan("init", "caps", ("sudo",)))
    assert start.failure == ""
    assert start.boot_seconds is not None
    assert start.provision_seconds is not None
    assert start.provision_seconds > 0.1, "packages were fetched"
    broken = again(engine, "debian-systemd", LaunchPlan("init", "caps", ("sudo",), network="none"))
    assert (broken.boot_seconds is not None, broken.provision_seconds) == (True, None)


def test_a_dockerd_that_does_not_come_is_told_apart_from_the_boot(engine: Engine) -> None:
    start = again(engine, "debian-systemd", budgets=BUDGETS | {"dockerd": 0.2}, dockerd=True)
    assert start.boot_seconds is not None
    assert start.failure.startswith("dockerd did not become ready")
    assert (start.waited_seconds, start.fault) == (0.4, Fault.IMAGE)


@pytest.mark.parametrize(
    ("sample", "failure"),
    [("busybox", "it did not come up (it was still idle)"), ("scratch", "no such file")],
)
def test_what_does_not_come_up_says_why(engine: Engine, sample: str, failure: str) -> None:
    start = again(engine, sample)
    assert failure in start.failure
    assert (start.boot_seconds, start.dockerd_seconds) == (None, None)


@pytest.mark.parametrize("signal", ["SIGKILL", "SIGRTMIN+3"])
def test_what_somebody_ends_is_not_the_images_fault(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, signal: str
) -> None:
    def ended_meanwhile(candidate: Container, **_waits: float) -> Boot:
        boot = wait_booted(candidate, install_seconds=60, boot_seconds=60)
        engine.client.api.kill(candidate.id, signal)
        eventually(lambda: not candidate.state().running)
        candidate.require_running()
        return boot

    monkeypatch.setattr(relaunch, "wait_booted", ended_meanwhile)
    start = again(engine, "debian-systemd")
    assert "from outside" in start.failure
    assert start.fault is Fault.HOST


def test_an_installation_that_fails_though_it_worked_before_is_not_the_images_fault(
    engine: Engine,
) -> None:
    start = again(engine, "debian", LaunchPlan("init", "caps", ("systemd",), network="none"))
    assert start.failure.startswith("installing what the image lacks failed")
    assert start.fault is Fault.NETWORK
    assert start.evidence


def test_what_the_host_refuses_is_the_hosts_fault(engine: Engine) -> None:
    start = again(
        engine, "debian-systemd", LaunchPlan("init", "caps", network="certify-no-such-network")
    )
    assert "certify-no-such-network" in start.failure
    assert start.fault is not Fault.IMAGE
