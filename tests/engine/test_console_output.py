"""The console output of an init that ended: a copy with a terminal prints it, and is removed."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from certify.engine.client import Engine
from certify.engine.console_output import console_output
from certify.engine.launch import launch_container
from certify.engine.launch_plan import LaunchPlan
from certify.model.errors import EngineUnavailable
from tests.conftest import SAMPLES
from tests.support.waiting import eventually

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]


def test_an_init_that_writes_to_its_console_alone_is_read(engine: Engine) -> None:
    plan = LaunchPlan("init", engine.resolve_isolation().level, apparmor=engine.apparmor)
    with launch_container(engine, f"{SAMPLES}/busybox", plan) as started:
        candidate = started.container
        eventually(lambda: candidate.state().running)
        speaks = "#!/bin/sh\\necho 'I give up' >/dev/console\\nexit 7\\n"
        written = candidate.shell().run(
            f'mkdir /sbin; printf "{speaks}" >/sbin/init; chmod 755 /sbin/init'
        )
        assert written.rc == 0, written
        candidate.stop(timeout=0)
        candidate.start()
        eventually(lambda: not candidate.state().running)
        assert candidate.state().exit_code == 7
        assert "I give up" not in candidate.logs()
        assert "I give up" in console_output(engine, candidate.id)
        filters = {"label": f"certify.run={started.name[8:]}"}
        made = [each["RepoTags"] for each in engine.client.api.images(filters=filters)]
        # That of the container which holds the candidate's limits.
        assert made in ([], [[f"certify-probe:{started.name[8:]}"]])


def test_a_copy_that_cannot_be_made_is_no_empty_output(engine: Engine) -> None:
    with pytest.raises(EngineUnavailable, match="could not report the console output"):
        console_output(engine, "certify-no-such-container")


PROGRAM = """
import sys
from certify.engine.client import Engine
from certify.engine import console_output
console_output._SECONDS = 2.0  # what the copy runs goes on for longer in any case
print("asking", flush=True)
with Engine.connect() as engine:
    print(console_output.console_output(engine, sys.argv[1]), flush=True)
print("never")
"""


def test_a_process_that_is_to_end_removes_its_copy_first(engine: Engine) -> None:
    api = engine.client.api
    with launch_container(engine, f"{SAMPLES}/busybox", LaunchPlan("idle", "default")) as started:
        started.container.stop(timeout=0)
        ours = {"label": f"certify.run={started.name[8:]}"}
        words = [sys.executable, "-c", PROGRAM, started.container.id]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as listening:
            eventually(lambda: len(api.containers(all=True, filters=ours)) > 1)
            listening.terminate()
            said = listening.communicate(timeout=120)[0]
        assert said.startswith("asking\n")
        assert "never" not in said
        assert listening.returncode == -signal.SIGTERM
        assert [each["Id"] for each in api.containers(all=True, filters=ours)] == [
            started.container.id
        ]
        assert api.images(filters=ours) == []
