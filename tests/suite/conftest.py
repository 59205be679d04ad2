"""Servers whose copies run programs of ours instead of the checks."""

from __future__ import annotations

import contextlib
import sys
import textwrap
import time
from collections.abc import Callable, Iterator

import pytest

from certify.suite.check_server import CheckServer
from certify.suite.runner import Event, Runner
from tests.suite.test_runner import HEAD, JOB

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
