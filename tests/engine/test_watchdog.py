"""A run that is killed leaves nothing, though it cannot remove anything itself."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from certify.engine import reaper
from certify.engine.client import Engine
from certify.engine.watchdog import new_run, watched
from tests.conftest import SAMPLES, command
from tests.support.waiting import containers_of, eventually, owner_of, running

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]


def test_it_ends_with_the_run_and_removes_nothing_else(engine: Engine) -> None:
    with new_run(engine) as run, watched(run):
        volume = reaper.another_name(run)
        engine.client.api.create_volume(volume, labels=reaper.labels(run, "x"))
    assert not engine.client.api.volumes(filters={"label": f"{reaper.RUN}={run}"})["Volumes"]
    with pytest.raises(ValueError, match="odd"), new_run(engine):
        raise ValueError("odd")


def test_what_an_interrupted_request_still_makes_is_removed(engine: Engine) -> None:
    with pytest.raises(KeyboardInterrupt), new_run(engine) as run:
        volume, labels = reaper.another_name(run), reaper.labels(run, "x")
        raise KeyboardInterrupt
    # The engine goes on with a request whose sender has gone.
    api = engine.client.api
    api.create_volume(volume, labels=labels)
    eventually(lambda: not api.volumes(filters={"name": volume})["Volumes"], seconds=40)


def test_a_killed_run_leaves_nothing(engine: Engine, tmp_path: Path) -> None:
    api, image = engine.client.api, f"{SAMPLES}/debian-systemd"
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = command("run", "--pull", "never", image)
    with running(started, tmp_path, start_new_session=True, **silent) as process:
        eventually(lambda: containers_of(engine, process.pid, image))
        theirs = {"label": f"{reaper.OWNER}={owner_of(process.pid)}"}
        assert api.volumes(filters=theirs)["Volumes"]
        os.killpg(process.pid, signal.SIGKILL)  # as a terminal or a CI system ends a job

        def left() -> list[object]:
            folders = Path(tempfile.gettempdir()).glob(f"certify-*-{process.pid}-*")
            volumes = api.volumes(filters=theirs)["Volumes"] or []
            return [*folders, *volumes, *api.containers(all=True, filters=theirs)]

        eventually(lambda: not left(), seconds=40)  # 3 on a host that is idle
