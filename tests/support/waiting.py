"""Other processes, and waiting for what they do: until it is so, and never for ever."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from certify.engine import reaper
from certify.engine.client import Engine

T = TypeVar("T")


def eventually(ask: Callable[[], T], *, seconds: float = 60.0) -> T:
    """The first answer that is true; the test fails if none comes in time."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"waited {seconds:g} s for nothing"
        time.sleep(0.02)
    return answer


@contextlib.contextmanager
def frozen(*pids: int) -> Iterator[None]:
    """Processes stand still, all threads of them: a signal alone is only a request."""

    def stopped(pid: int) -> bool:
        with contextlib.suppress(OSError):  # a thread that ends meanwhile: look again
            threads = [file.read_text() for file in Path(f"/proc/{pid}/task").glob("*/stat")]
            return all(thread.rpartition(")")[2].split()[0] in "TZX" for thread in threads)
        return False

    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        eventually(lambda: all(map(stopped, pids)))
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def running(command: Sequence[str], folder: Path, **how: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a folder, which is killed at the end if it has not ended by itself."""
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, **how) as process:
        try:
            yield process
        finally:
            process.kill()


def owner_of(pid: int) -> str:
    """How a process signs what it creates on the engine."""
    return f"{reaper.owner().partition('/')[0]}/{pid}/{reaper._start_time(pid)}"


def containers_of(engine: Engine, pid: int, image: str) -> list[dict[str, Any]]:
    """The containers that a process has started from an image."""
    filters = {"label": f"{reaper.OWNER}={owner_of(pid)}", "ancestor": image}
    found: list[dict[str, Any]] = engine.client.api.containers(filters=filters)
    return found
