"""An engine: its facts, and its images."""

from __future__ import annotations

import gc
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import docker
import pytest

from certify.engine.client import Engine
from certify.model.errors import EngineUnavailable

ID = "sha256:" + "1" * 64
DIGEST = "sha256:" + "a" * 64


# The connection


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of loopback at which nobody listens, and that nobody else is given meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


# The engine's library forgets to close the socket of a connection that was refused.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_connecting_to_no_engine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, closed_port: int
) -> None:
    (tmp_path / "file").touch()
    for host in (
        f"unix://{tmp_path}/nothing.sock",
        f"unix://{tmp_path}/file",
        f"tcp://127.0.0.1:{closed_port}",
        "tcp://engine.invalid:2375",
        "nonsense://engine",
        "tcp://",
    ):
        monkeypatch.setenv("DOCKER_HOST", host)
        with pytest.raises(EngineUnavailable) as raised:
            Engine.connect(timeout=5)
        assert "\n" not in raised.value.message, host
    del raised
    gc.collect(1)  # of this test alone


@pytest.mark.engine
def test_the_real_engine(engine: Engine) -> None:
    engine.ping()
    assert engine.platform.startswith("linux/")
    assert engine.cpus >= 1
    host = engine.host()
    assert host.engine == "docker"
    assert host.engine_version[0].isdigit()
    assert host.cgroup_version in ("1", "2")
    assert host.memory_bytes > 2**28
    assert host.cpus == engine.cpus


@pytest.mark.engine
def test_an_engine_beyond_a_socket_is_not_local(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert engine.local is not os.environ.get("DOCKER_HOST", "unix://").startswith("tcp")


# What it has


def engine_with(client: object = None, **info: object) -> Engine:
    return Engine(cast(docker.DockerClient, client), info)


@pytest.mark.parametrize(
    ("info", "platform"),
    [
        ({"OSType": "linux", "Architecture": "x86_64"}, "linux/amd64"),
        ({"OSType": "linux", "Architecture": "aarch64"}, "linux/arm64"),
        ({"OSType": "linux", "Architecture": "riscv64"}, "linux/riscv64"),
        ({"Architecture": "armv7l"}, "linux/arm"),
    ],
)
def test_the_platform_by_ocis_names(info: dict[str, str], platform: str) -> None:
    assert engine_with(**info).platform == platform


@pytest.mark.parametrize(
    ("options", "apparmor"),
    [
        (["name=apparmor", "name=seccomp,profile=default"], True),
        (["name=seccomp,profile=default", "name=cgroupns"], False),
        (None, False),
    ],
)
def test_apparmor_is_detected(options: list[str] | None, apparmor: bool) -> None:
    assert engine_with(SecurityOptions=options).apparmor is apparmor


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http+docker://localhost", True),
        ("http://10.0.0.1:2375", False),
        ("http+docker://ssh", False),
        ("https://e:2376", False),
    ],
)
def test_a_local_engine_is_detected(url: str, local: bool) -> None:
    client = SimpleNamespace(api=SimpleNamespace(base_url=url))
    assert engine_with(client).local is local


@pytest.mark.parametrize(
    ("status", "containerd"),
    [
        ([["driver-type", "io.containerd.snapshotter.v1"]], True),
        ([["Backing Filesystem", "extfs"], ["Supports d_type", "true"]], False),
        (None, False),
    ],
)
def test_containerds_store_is_detected(status: object, containerd: bool) -> None:
    assert engine_with(DriverStatus=status).containerd_store is containerd


# What runs beside


class Closing:
    """A client that is closed."""

    def __init__(self, log: list[str]) -> None:
        self.log = log

    def close(self) -> None:
        self.log.append("closed")


def test_work_beside_ends_before_the_engine_is_closed() -> None:
    log: list[str] = []
    engine, gate = engine_with(Closing(log)), threading.Event()
    engine.beside(lambda: log.append("removed") if gate.wait(10) else None)
    log.append("rendered")
    gate.set()
    engine.close()
    assert log == ["rendered", "removed", "closed"]


def test_an_error_beside_is_raised_where_it_is_waited_for() -> None:
    log: list[str] = []
    engine = engine_with(Closing(log))

    def fail() -> None:
        raise ValueError("mine")

    engine.beside(fail)
    with pytest.raises(ValueError, match="mine"):
        engine.close()
    assert log == ["closed"]
    engine.settle()


def test_what_is_timed_waits_for_the_background_and_an_interrupt_does_not() -> None:
    log: list[str] = []
    gate, begun = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert gate.wait(10)
        log.append("removed")
        raise ValueError("of no concern")

    engine = engine_with(Closing(log))
    engine.in_background(work)
    with pytest.raises(KeyboardInterrupt), engine:
        assert begun.wait(10)
        raise KeyboardInterrupt
    assert log == ["closed"]
    gate.set()
    engine.settle()
    assert log == ["closed", "removed"]


def test_a_command_that_ends_well_waits_for_the_background() -> None:
    log: list[str] = []
    engine, gate = engine_with(Closing(log)), threading.Event()
    with engine:
        engine.in_background(lambda: log.append("removed") if gate.wait(10) else None)
        gate.set()
    assert log == ["removed", "closed"]
