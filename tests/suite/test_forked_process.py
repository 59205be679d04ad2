"""A copy of a process: what it has of its parent, how it ends, and where none is made."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from certify.suite.forked_process import can_fork


def run(program: str, folder: Path, **variables: str) -> Any:
    """Run a program in a process of its own, in a folder; return what it prints, as JSON."""
    head = """
        import json, os, sys, tempfile, time
        from certify.suite.forked_process import ForkedProcess, can_fork
        def printed(work, keep=-1):
            with tempfile.TemporaryFile() as output:
                process = ForkedProcess(work, output, keep)
                code = process.wait(60)
                output.seek(0)
                return [code, output.read().decode()]
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(head) + textwrap.dedent(program)],
        check=True, capture_output=True, text=True, cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path.cwd())} | variables,
    )  # fmt: skip
    return json.loads(done.stdout)


def test_a_copy_has_nothing_open_of_its_parent_but_what_it_is_to_keep(tmp_path: Path) -> None:
    told = run(
        """
        kept, other = os.open("/", os.O_RDONLY), os.open("/", os.O_RDONLY)
        def work():
            try:
                os.fstat(other)
            except OSError:
                print("closed")
            os.fstat(kept)
            print(sys.stdin.read() == "", os.getsid(0) == os.getpid(), "." in sys.path)
            print(os.getcwd() in sys.path, "" in sys.path)
            return 0
        print(json.dumps(printed(work, kept)))
        """,
        tmp_path,
    )
    assert told == [0, "closed\nTrue True False\nFalse False\n"]


@pytest.mark.parametrize(
    ("work", "code", "last"),
    [
        ("lambda: 7", 7, ""),
        ("lambda: sys.exit(3)", 1, "SystemExit: 3"),
        ("lambda: 1 / 0", 1, "ZeroDivisionError: division by zero"),
        ("lambda: os.kill(os.getpid(), 9)", -9, ""),
    ],
)
def test_the_end_of_a_copy_is_known(work: str, code: int, last: str, tmp_path: Path) -> None:
    ended, said = run(f"print(json.dumps(printed({work})))", tmp_path)
    assert (ended, said.rstrip().rpartition("\n")[2]) == (code, last)


def test_what_is_registered_in_a_copy_runs_at_its_end_and_nothing_of_the_parent(
    tmp_path: Path,
) -> None:
    told = run(
        """
        import atexit
        atexit.register(lambda: open("parents", "a").write("x"))
        def work():
            atexit.register(lambda: print("at the end"))
            return 0
        print(json.dumps(printed(work)))
        """,
        tmp_path,
    )
    assert told == [0, "at the end\n"]
    assert (tmp_path / "parents").read_text("utf-8") == "x"


def test_a_copy_that_does_not_end_is_told_and_can_be_killed(tmp_path: Path) -> None:
    told = run(
        """
        import subprocess
        with tempfile.TemporaryFile() as output:
            process = ForkedProcess(lambda: time.sleep(600) or 0, output, -1)
            try:
                process.wait(0.0)
            except subprocess.TimeoutExpired:
                process.kill()
            code = process.wait(60)
            process.kill()  # its number may be another's by now
            print(json.dumps([code, process.poll()]))
        """,
        tmp_path,
    )
    assert told == [-signal.SIGKILL, -signal.SIGKILL]


def test_a_process_with_several_threads_makes_no_copy() -> None:
    over = Event()
    thread = Thread(target=over.wait)
    thread.start()
    try:
        assert not can_fork()
    finally:
        over.set()
        thread.join()


SERVER = """
    import signal, threading
    from certify.suite.check_server import CheckServer
    from certify.suite.forked_process import ForkedProcess
    from certify.suite.runner import Runner
    from tests.suite.test_runner import JOB
    server = CheckServer()
    kinds = []
    def start(**how):
        running = server.start(**how)
        kinds.append(type(running.process).__name__)
        return running
    def pid():
        with Runner(server=server) as runner:
            return runner._process.pid
    first = start(as_copy=True).process.pid
    os.kill(first, signal.SIGKILL)
    server._running.process.wait(60)
    start()
    assert pid() not in (None, first)
    server.close()
    over = threading.Event()
    threading.Thread(target=over.wait).start()
    start(as_copy=True)
    server.close()
    over.set()
    print(json.dumps(kinds))
"""


def test_a_server_of_checks_is_a_copy_only_where_that_is_safe(tmp_path: Path) -> None:
    assert run(SERVER, tmp_path) == ["ForkedProcess", "Popen", "Popen"]
