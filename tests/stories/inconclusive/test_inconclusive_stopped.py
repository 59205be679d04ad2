"""A container that is stopped by others did not end by itself, whatever its exit code says."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from certify.engine.client import Engine
from certify.engine.container_state import ContainerStopped
from certify.engine.launch import launch_container
from certify.engine.launch_plan import LaunchPlan
from tests.conftest import SAMPLES
from tests.stories.inconclusive.answers import reason
from tests.stories.inconclusive.test_inconclusive_engine import a_check_that_waits
from tests.support.private_engine import PrivateEngine
from tests.support.waiting import eventually

ENDS_WHEN_ASKED = 'trap "exit 0" TERM; echo set; while :; do sleep 0.1; done'
"""For the shell that is PID 1: what systemd and supervisord do."""

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_an_engine_that_was_started_anew_when_it_is_asked(
    mortal: PrivateEngine, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """As by an upgrade: systemd holds its socket, and who asks gets an answer of the next one."""
    monkeypatch.setenv("DOCKER_HOST", mortal.address)
    with (
        Engine.connect() as engine,
        launch_container(engine, f"{SAMPLES}/debian", LaunchPlan("idle", "default")) as started,
    ):
        candidate = started.container
        written = candidate.shell().run(f"echo '{ENDS_WHEN_ASKED}' >/proc/1/fd/0")
        assert written.rc == 0, written
        eventually(lambda: "set" in candidate.logs().splitlines())
        mortal.kill(number)
        mortal.start()
        state = candidate.state()
        assert not state.running
        assert state.killed, state
        with pytest.raises(ContainerStopped, match="from outside"):
            candidate.require_running()


def test_a_container_that_somebody_stops_while_a_check_asks(tmp_path: Path, engine: Engine) -> None:
    with a_check_that_waits(tmp_path, None) as (container, ended):
        written = f"echo '{ENDS_WHEN_ASKED}' >/proc/1/fd/0"
        subprocess.run(["docker", "exec", container, "sh", "-c", written], check=True)
        eventually(lambda: b"\nset\n" in engine.client.api.logs(container))
        engine.client.api.stop(container, timeout=20)
        assert engine.client.api.inspect_container(container)["State"]["ExitCode"] == 0
    assert "stopped from outside" in reason(ended[0], tmp_path / "reports")
