"""The speed of an engine's host, and an engine that cannot be measured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from certify.engine import calibration_file
from certify.engine.calibration import calibrate, host_calibration, slower_calibration
from certify.engine.client import Engine
from certify.engine.probe.image import probe_image
from certify.model.errors import EngineUnavailable, LaunchRefused
from certify.model.host import Calibration

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]


@pytest.fixture(autouse=True)
def no_recent_calibration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Nobody has measured this host within the last minutes."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    host_calibration.cache_clear()
    yield
    host_calibration.cache_clear()


@pytest.fixture
def gone(engine: Engine) -> Iterator[Engine]:
    """An engine that answered once, and is no longer there."""
    client = docker.DockerClient(base_url="tcp://127.0.0.1:1", version="1.41", timeout=5)
    with Engine(client, engine.info) as found:
        yield found


def test_an_engine_that_is_gone(gone: Engine) -> None:
    with pytest.raises(EngineUnavailable), probe_image(gone):
        pytest.fail("there is no engine")
    with pytest.raises(EngineUnavailable):
        calibrate(gone)
    assert host_calibration(gone) is None, "a run does not fail of it"
    assert slower_calibration(gone) is None


def test_an_architecture_without_programs_is_named(engine: Engine) -> None:
    strange = Engine(engine.client, engine.info | {"Architecture": "loongarch64"})
    with pytest.raises(LaunchRefused, match="loongarch64"):
        calibrate(strange)
    assert host_calibration(strange) is None


def test_the_speed_of_this_host(engine: Engine) -> None:
    found = calibrate(engine)
    assert min(found.create_seconds, found.start_seconds, found.remove_seconds) > 0
    assert found.total_seconds < 20
    assert host_calibration(engine) is host_calibration(engine), "once for an engine"
    before = host_calibration(engine)
    now = slower_calibration(engine)
    assert before
    assert now
    assert now.total_seconds >= before.total_seconds


def test_a_recent_calibration_of_another_process_will_do_until_a_verdict_depends_on_it(
    engine: Engine,
) -> None:
    flattering = Calibration(create_seconds=0.001, start_seconds=0.001, remove_seconds=0.001)
    calibration_file.keep(engine, flattering)
    assert host_calibration(engine) == flattering
    now = slower_calibration(engine)
    assert now
    assert now.total_seconds > flattering.total_seconds
