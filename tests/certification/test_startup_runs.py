"""Further launches on a real engine: their startup times, or the reason that they failed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import pytest

from certify.certification import startup_runs
from certify.certification.startup_runs import StartupTimer
from certify.engine import disk_watch
from certify.engine.boot import Boot, wait_booted
from certify.engine.client import Engine
from certify.engine.container import Container
from certify.engine.launch_plan import LaunchPlan, Limits
from certify.judge.startup import Start
from certify.model.terms import Fault
from tests.conftest import SAMPLES
from tests.support.waiting import eventually

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]

BUDGETS = {"boot": 15.0, "dockerd": 20.0, "provision": 300.0, "shutdown": 10.0}
INIT = LaunchPlan("init", "caps")


def start(
    engine: Engine,
    sample: str,
    plan: LaunchPlan = INIT,
    *,
    dockerd: bool = False,
    budgets: Mapping[str, float] = BUDGETS,
) -> Start:
    timer = StartupTimer(engine, f"{SAMPLES}/{sample}", plan, budgets)
    return timer.start(with_dockerd=dockerd)


def test_times_are_read_from_the_clock_of_systemd(engine: Engine) -> None:
    found = start(engine, "debian-devspace", dockerd=True)
    assert found.failure == ""
    assert found.boot_seconds is not None
    assert found.dockerd_seconds is not None
    assert 0 < found.boot_seconds < 4 * BUDGETS["boot"]
    assert found.dockerd_seconds > 0


def test_without_dockerd_only_the_boot_is_timed(engine: Engine) -> None:
    found = start(engine, "debian-systemd")
    assert found.boot_seconds is not None
    assert (found.dockerd_seconds, found.failure) == (None, "")


def test_installing_at_launch_is_timed_as_well(engine: Engine) -> None:
    found = start(engine, "debian-systemd", LaunchPlan("init", "caps", ("sudo",)))
    assert found.failure == ""
    assert found.boot_seconds is not None
    assert found.provision_seconds is not None
    assert found.provision_seconds > 0.1, "packages were fetched"
    broken = start(engine, "debian-systemd", LaunchPlan("init", "caps", ("sudo",), network="none"))
    assert (broken.boot_seconds is not None, broken.provision_seconds) == (True, None)


def test_a_dockerd_that_does_not_start_leaves_the_boot_time(engine: Engine) -> None:
    found = start(engine, "debian-systemd", budgets=BUDGETS | {"dockerd": 0.2}, dockerd=True)
    assert found.boot_seconds is not None
    assert found.failure.startswith("dockerd did not become ready")
    assert (found.waited_seconds, found.fault) == (0.4, Fault.IMAGE)


@pytest.mark.parametrize(
    ("sample", "failure"),
    [("busybox", "it did not come up (it was still idle)"), ("scratch", "no such file")],
)
def test_an_image_that_does_not_come_up_has_a_failure(
    engine: Engine, sample: str, failure: str
) -> None:
    found = start(engine, sample)
    assert failure in found.failure
    assert (found.boot_seconds, found.dockerd_seconds) == (None, None)


@pytest.mark.parametrize("signal", ["SIGKILL", "SIGRTMIN+3"])
def test_a_container_killed_from_outside_is_not_the_images_fault(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, signal: str
) -> None:
    def ended_meanwhile(candidate: Container, _: object, **_waits: float) -> Boot:
        boot = wait_booted(candidate, install_seconds=60, boot_seconds=60)
        engine.client.api.kill(candidate.id, signal)
        eventually(lambda: not candidate.state().running)
        candidate.require_running()
        return boot

    monkeypatch.setattr(startup_runs, "wait_booted", ended_meanwhile)
    found = start(engine, "debian-systemd")
    assert "from outside" in found.failure
    assert found.fault is Fault.HOST


def test_an_installation_that_fails_though_it_worked_before_is_not_the_images_fault(
    engine: Engine,
) -> None:
    found = start(engine, "debian", LaunchPlan("init", "caps", ("systemd",), network="none"))
    assert found.failure.startswith("installing what the image lacks failed")
    assert found.fault is Fault.NETWORK
    assert found.evidence


def test_a_refusal_of_the_host_is_not_the_images_fault(engine: Engine) -> None:
    found = start(
        engine, "debian-systemd", LaunchPlan("init", "caps", network="certify-no-such-network")
    )
    assert "certify-no-such-network" in found.failure
    assert found.fault is not Fault.IMAGE


def test_a_launch_that_fills_the_disk_is_stopped(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hungry(candidate: Container, meanwhile: Callable[[], None], **waits: float) -> Boot:
        boot = wait_booted(candidate, **waits)
        candidate.shell().run("dd if=/dev/zero of=/home/filled bs=1M count=40", timeout=60)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:  # the engine adds up for one client at a time
            meanwhile()
        return boot

    monkeypatch.setattr(startup_runs, "wait_booted", hungry)
    monkeypatch.setattr(disk_watch, "free_bytes", lambda *_, **__: None)
    monkeypatch.setattr(disk_watch, "_PAUSE_REMOTE", 0.0)
    plan = LaunchPlan("init", "caps", limits=Limits(disk="30m"))
    found = start(engine, "debian-systemd", plan)
    assert found.failure.startswith("it had written ")
    assert found.failure.endswith("to the engine's disk when it was stopped; 31.5 MB are allowed")
    assert (found.boot_seconds, found.fault) == (None, Fault.IMAGE)
