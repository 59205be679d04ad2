"""The server of check processes: each copy is as new, and a server that was killed is replaced."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from certify.model.errors import SuiteBroken
from certify.suite.check_server import CheckServer
from certify.suite.runner import Event, Runner
from tests.suite.test_runner import HEAD, JOB
from tests.support.waiting import eventually

TELL_STATE = """
    wait()
    tell(event="done", seen=seen, pid=os.getpid(), server=os.getppid(), folder=os.getcwd(),
         threads=threading.active_count(), descriptors=sorted(os.listdir("/proc/self/fd")))
"""
BEFORE = "seen = []\n" + HEAD + "seen.append('mine')\nos.environ['LEFT'] = 'mine'\n"

Serving = Callable[..., CheckServer]


@pytest.fixture
def serving() -> Iterator[Serving]:
    """Servers whose copies run a program of ours instead of the checks."""
    with contextlib.ExitStack() as servers:

        def make(body: str, before: str = BEFORE) -> CheckServer:
            program = before + textwrap.dedent(body)
            server = CheckServer(sys.executable, "-P", "-c", program)
            return servers.enter_context(contextlib.closing(server))

        yield make


def told(server: CheckServer) -> Event:
    """Return the last event of a copy."""
    with Runner(server=server) as runner:
        runner.begin(JOB, None)
        (event,) = runner.events(time.monotonic() + 60)
    return event


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


def test_a_server_that_was_killed_is_replaced(serving: Serving) -> None:
    server = serving(TELL_STATE)
    before = told(server)
    os.kill(before["server"], signal.SIGKILL)
    after = told(server)
    assert after["server"] != before["server"]


def test_a_copy_outlives_its_server(serving: Serving) -> None:
    with Runner(server=(server := serving(TELL_STATE))) as runner:
        assert runner._process.pid is not None
        server.close()
        runner.begin(JOB, None)
        (event,) = runner.events(time.monotonic() + 60)
    assert event["pid"] == runner._process.pid
    eventually(lambda: not Path(f"/proc/{event['pid']}").exists())


ONCE = "import pathlib, sys\nif not (p := pathlib.Path({!r})).exists(): p.touch(); sys.exit(7)\n"


def test_a_server_that_ends_before_its_copy_is_tried_once_more(
    serving: Serving, tmp_path: Path
) -> None:
    server = serving(TELL_STATE, ONCE.format(str(tmp_path / "once")) + BEFORE)
    assert told(server)["seen"] == ["mine"]


def test_a_server_that_cannot_start_is_told_with_its_output(serving: Serving) -> None:
    server = serving("", "raise ImportError('no module of that name')\n")
    with (
        Runner(server=server) as runner,
        pytest.raises(SuiteBroken, match="ended early") as broken,
    ):
        runner.begin(JOB, None)
    assert "ImportError: no module of that name" in broken.value.evidence


def test_a_server_ends_with_its_parent() -> None:
    program = """
        import os, sys
        from certify.suite.check_server import CheckServer
        server = CheckServer(sys.executable, "-P", "-c", sys.argv[1])
        print(server.start().process.pid, flush=True)
        os.kill(os.getpid(), 9)
    """
    ended = subprocess.run(
        [sys.executable, "-P", "-c", textwrap.dedent(program), HEAD],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    eventually(lambda: not Path(f"/proc/{int(ended.stdout)}").exists())
