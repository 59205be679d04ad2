"""The server of check processes: one that was killed or is silent is replaced, once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from certify.model.errors import SuiteBroken
from certify.suite import check_server
from certify.suite.runner import Runner
from tests.suite.conftest import BEFORE, TELL_STATE, Serving, told
from tests.suite.test_runner import HEAD, JOB
from tests.support.waiting import eventually


def test_a_server_that_was_killed_is_replaced(serving: Serving) -> None:
    server = serving(TELL_STATE)
    before = told(server)
    os.kill(before["server"], signal.SIGKILL)
    after = told(server)
    assert after["server"] != before["server"]


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
