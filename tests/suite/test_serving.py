"""Copies of the server: each is as new, has what it was started with, and lives by itself."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from certify.suite.runner import Runner
from tests.suite.conftest import TELL_STATE, Serving, told
from tests.suite.test_runner import HEAD, JOB
from tests.support.waiting import eventually


def test_each_copy_is_a_new_process_with_the_state_of_the_server(serving: Serving) -> None:
    server = serving(TELL_STATE)
    first, second = told(server), told(server)
    assert first["seen"] == second["seen"] == ["mine"]
    assert first["server"] == second["server"] != os.getpid()
    assert len({first["pid"], second["pid"], first["server"]}) == 3
    assert first["threads"] == 1
    assert first["descriptors"] == second["descriptors"]
    eventually(lambda: not Path(f"/proc/{first['pid']}").exists())


def test_a_copy_has_the_folder_and_the_variables_of_its_start(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = """
        wait()
        tell(event="done", mine=os.environ.get("MINE"), left=os.environ.get("LEFT"),
             folder=os.getcwd(), host=os.environ.get("DOCKER_HOST"))
    """
    server = serving(body, HEAD)
    monkeypatch.setenv("LEFT", "of the first")
    told(server)
    monkeypatch.delenv("LEFT")
    monkeypatch.setenv("MINE", "kept")
    monkeypatch.chdir(tmp_path)
    with Runner("unix:///there.sock", server) as runner:
        runner.begin(JOB, None)
        (event,) = runner.events(time.monotonic() + 60)
    assert event["mine"] == "kept"
    assert event["left"] is None
    assert event["folder"] == str(tmp_path)
    assert event["host"] == "unix:///there.sock"


def test_many_copies_at_once_do_not_hold_each_other_open(serving: Serving) -> None:
    server = serving(TELL_STATE)
    with Runner(server=server) as first, Runner(server=server) as second:
        for each in (first, second):
            each.begin(JOB, None)
        events = [next(each.events(time.monotonic() + 60)) for each in (first, second)]
    assert events[0]["descriptors"] == events[1]["descriptors"]


def test_a_copy_outlives_its_server(serving: Serving) -> None:
    with Runner(server=(server := serving(TELL_STATE))) as runner:
        assert runner._process.pid is not None
        server.close()
        runner.begin(JOB, None)
        (event,) = runner.events(time.monotonic() + 60)
    assert event["pid"] == runner._process.pid
    eventually(lambda: not Path(f"/proc/{event['pid']}").exists())


def test_a_copy_has_an_environment_and_a_session_of_its_own(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--nonsense")
    monkeypatch.setenv("PYTEST_PLUGINS", "nonsense")
    monkeypatch.setenv("MINE", "kept")
    body = """
        wait()
        tell(event="done", environment=dict(os.environ), session=os.getsid(0) == os.getpid(),
             stdin=os.readlink("/proc/self/fd/0"))
    """
    event = told(serving(body, HEAD))
    pytests = {name: value for name, value in event["environment"].items() if "PYTEST" in name}
    assert pytests == {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    assert event["environment"]["MINE"] == "kept"
    assert event["session"], "Ctrl-C does not reach it"
    assert event["stdin"] == "/dev/null"
