"""The last words of an init that ended: asked of a copy with a terminal, which is removed."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from certify.engine.client import Engine
from certify.engine.console import last_words
from certify.engine.launch import launched
from certify.engine.launch_plan import LaunchPlan
from certify.model.errors import EngineUnavailable
from tests.conftest import SAMPLES
from tests.support.waiting import eventually

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]


def test_an_init_that_speaks_to_its_console_alone_is_heard(engine: Engine) -> None:
    plan = LaunchPlan("init", engine.isolation("auto"), apparmor=engine.apparmor)
    with launched(engine, f"{SAMPLES}/busybox", plan) as started:
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
        assert "I give up" in last_words(engine, candidate.id)
        made = engine.client.api.images(filters={"label": f"certify.run={started.name[8:]}"})
        assert made == []


def test_what_the_engine_does_not_tell_is_not_told_as_silence(engine: Engine) -> None:
    with pytest.raises(EngineUnavailable, match="does not tell its last words"):
        last_words(engine, "certify-no-such-container")


LISTENS = """
import sys
from certify.engine.client import Engine
from certify.engine.console import last_words
print("asking", flush=True)
with Engine.connect() as engine: print(last_words(engine, sys.argv[1]), flush=True)
print("never")
"""


def test_who_is_to_end_while_it_listens_removes_first_what_it_made(engine: Engine) -> None:
    api = engine.client.api
    with launched(engine, f"{SAMPLES}/busybox", LaunchPlan("idle", "default")) as started:
        started.container.stop(timeout=0)
        ours = {"label": f"certify.run={started.name[8:]}"}
        words = [sys.executable, "-c", LISTENS, started.container.id]
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
