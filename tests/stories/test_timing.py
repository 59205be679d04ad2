"""Startup on real engines: several launches, and a host that is slower than budgets assume."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from certify.engine.client import Engine
from certify.judge.startup import SLOW_SECONDS, is_slow
from certify.model.result import Check, Result
from certify.model.terms import Outcome, Status
from tests.conftest import SAMPLES, Certify
from tests.support.profiles import mine, quick

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]

BOOTS = """\
launch = "init"
required = [
    "image.shell", "systemd.pid1", "systemd.state", "dockerd.running", "dockerd.unit",
    "startup.boot", "startup.dockerd",
]
[budgets]
boot = 60.0
dockerd = {}"""


@pytest.fixture
def patient(tmp_path: Path) -> str:
    """A profile that asks for nothing but a boot and a dockerd."""
    return mine(tmp_path, BOOTS.format("60.0"), name="patient")


@pytest.fixture
def hurried(tmp_path: Path) -> str:
    """A profile that allows dockerd less time than any machine needs."""
    return mine(tmp_path, BOOTS.format("0.01"), name="hurried")


def check(result: Result, check_id: str) -> Check:
    (found,) = (each for each in result.checks if each.id == check_id)
    return found


@pytest.fixture
def slow_engine(engine: Engine, tmp_path: Path) -> Iterator[str]:
    """The engine by way of a proxy that takes its time over every container: a slow host."""
    if not Path("/var/run/docker.sock").exists():
        pytest.fail("the proxy needs the engine's socket")
    ended = threading.Event()

    def pump(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                if data.startswith(b"POST ") and b"/containers/create" in data.split(b"\r\n")[0]:
                    ended.wait(1.5 * SLOW_SECONDS)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def serve() -> None:
        while not ended.is_set():
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect("/var/run/docker.sock")
            ends.extend((near, far))
            for pair in ((near, far), (far, near)):
                pumps.append(threading.Thread(target=pump, args=pair))
                pumps[-1].start()

    ends: list[socket.socket] = []
    pumps: list[threading.Thread] = []
    with socket.socket(socket.AF_UNIX) as listener:
        path = tmp_path / "slow.sock"
        listener.bind(str(path))
        listener.listen()
        server = threading.Thread(target=serve)
        server.start()
        yield f"unix://{path}"
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        server.join()
    for end in ends:
        with end:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
    for each in pumps:
        each.join()


def test_the_median_of_several_launches_counts(certify: Certify, patient: str) -> None:
    words = ("run", "--pull", "never", "--runs", "3", "--format", "json", "--profile", patient)
    ended = certify(*words, f"{SAMPLES}/debian-devspace")
    assert ended.code == 0, ended.err
    startup = ended.result.startup
    assert len(startup.samples) == 3
    assert startup.boot_seconds == pytest.approx(median(startup.samples), abs=0.001)
    assert len(startup.dockerd_samples) == 3
    assert startup.dockerd_seconds == pytest.approx(median(startup.dockerd_samples), abs=0.001)
    assert (startup.provision_seconds, startup.provision_samples) == (None, ())
    assert "median of 3" in check(ended.result, "startup.boot").message
    assert "median of 3" in check(ended.result, "startup.dockerd").message
    assert "launch 3 of 3" in ended.err
    assert "launch 4" not in ended.err


def test_over_budget_rejects_on_an_ordinary_host_only(certify: Certify, hurried: str) -> None:
    words = ("run", "--pull", "never", "--profile", hurried, "--format", "json")
    result = certify(*words, f"{SAMPLES}/debian-devspace").result
    late = check(result, "startup.dockerd")
    assert "more than 0.01 s" in late.message
    assert result.host
    assert result.host.calibration
    slow = is_slow(result.host.calibration)  # it may be, if others are at work on this machine
    assert late.outcome is (Outcome.UNKNOWN if slow else Outcome.FAILED)
    assert result.verdict.status is (Status.INCONCLUSIVE if slow else Status.REJECTED)


def test_over_budget_on_a_slow_host_is_inconclusive(
    certify: Certify, hurried: str, slow_engine: str
) -> None:
    words = ("run", "--pull", "never", "--profile", hurried, "--format", "json")
    ended = certify(*words, f"{SAMPLES}/debian-devspace", DOCKER_HOST=slow_engine)
    assert ended.code == 3, ended.err
    result = ended.result
    assert result.host
    assert result.host.calibration
    assert result.host.calibration.create_seconds >= 1.5 * SLOW_SECONDS
    late = check(result, "startup.dockerd")
    assert late.outcome is Outcome.UNKNOWN
    (reason,) = result.verdict.reasons
    assert reason.check == "startup.dockerd"
    assert "the host is slow: certify's own probe container took" in reason.text
    assert "host" in reason.remedy
    assert check(result, "startup.boot").outcome is Outcome.PASSED, "in time is in time anywhere"


def test_a_launch_that_is_only_timed_does_not_happen_where_nothing_boots(
    certify: Certify, tmp_path: Path
) -> None:
    words = ("run", "--pull", "never", "--runs", "3", "--format", "json")
    ended = certify(*words, "--profile", quick(tmp_path), f"{SAMPLES}/debian")
    assert ended.result.startup.samples == ()
    assert "launch 2" not in ended.err
