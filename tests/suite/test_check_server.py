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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from certify.model.errors import SuiteBroken
from certify.suite import check_server
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


HANG = "print('still here', flush=True), __import__('time').sleep(600)"
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


def test_a_copy_that_does_not_end_keeps_no_other_waiting(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_server, "_PATIENCE", 5.0)
    server = serving(TELL_STATE)
    with Runner(server=server) as stuck:
        pid = stuck._process.pid
        stuck._process.release()  # it was killed, but the kernel holds it
        first, second = told(server), told(server)
        assert Path(f"/proc/{pid}").exists()
    assert first["server"] == second["server"] == stuck._process.server.process.pid
    eventually(lambda: not Path(f"/proc/{pid}").exists())


@pytest.mark.parametrize("always", [False, True])
def test_a_silent_server_is_replaced_once(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, always: bool
) -> None:
    monkeypatch.setattr(check_server, "_PATIENCE", 3.0)
    once = ONCE.format(str(tmp_path / "once")).replace("sys.exit(7)", HANG)
    server = serving(TELL_STATE, f"{HANG}\n" if always else once + BEFORE)
    if not always:
        assert told(server)["seen"] == ["mine"]
        return
    with pytest.raises(SuiteBroken, match="gave no sign of life") as broken:
        told(server)
    assert broken.value.evidence == "still here"
    assert server.start().process.poll() is None, "the next launch has another one"


def test_what_a_server_printed_is_known_after_another_thread_replaced_it(serving: Serving) -> None:
    server = serving("", "raise ImportError('no module of that name')\n")
    first = server.start()
    first.process.wait(60)
    assert server.start() is not first
    assert b"ImportError: no module of that name" in first.read_output()


def test_each_of_many_threads_hears_why_the_server_cannot_start(serving: Serving) -> None:
    server = serving("", "raise ImportError('no module of that name')\n")

    def hear(_: int) -> str:
        with pytest.raises(SuiteBroken) as broken:
            told(server)
        return broken.value.evidence

    with ThreadPoolExecutor(8) as threads:
        heard = list(threads.map(hear, range(24)))
    assert all("ImportError: no module of that name" in each for each in heard)


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
