"""A process that is a copy of this one (fork), with what the parent of a process needs of it."""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, NoReturn

_PAUSE = 0.005


def can_fork() -> bool:
    """Return True if this process has one thread, so that a copy holds no other's locks."""
    return threading.active_count() == 1


class ForkedProcess:
    """A copy of this process, with the methods of ``subprocess.Popen`` that its parent calls."""

    def __init__(self, work: Callable[[], int], output: IO[bytes], keep: int) -> None:
        """Begin ``work`` in a copy, which ends with the exit code that it returns.

        The copy prints into ``output``, has a session of its own, and of all other descriptors of
        this process only ``keep``.
        """
        sys.stdout.flush()
        sys.stderr.flush()
        self._code: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            _become(work, output, keep)

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while the process runs."""
        if self._code is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                pid, status = self.pid, 0
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
        return self._code

    def wait(self, timeout: float) -> int:
        """Return the exit code. Raises ``subprocess.TimeoutExpired`` after so many seconds."""
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("a copy of this process", timeout)
            time.sleep(_PAUSE)
        return code

    def kill(self) -> None:
        """Kill the process, unless its end is known."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


def _become(work: Callable[[], int], output: IO[bytes], keep: int) -> NoReturn:
    """Do the work without anything of the process that this one was copied from."""
    code = 1
    try:
        os.setsid()  # Ctrl-C is the parent's business
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        for standard in (1, 2):
            os.dup2(output.fileno(), standard)
        for each in [*Path("/proc/self/fd").iterdir()]:
            if (number := int(each.name)) not in (0, 1, 2, keep):
                with contextlib.suppress(OSError):  # that of the listing itself
                    os.close(number)
        if not sys.flags.safe_path and sys.path and Path(sys.path[0]).resolve() == Path.cwd():
            del sys.path[0]  # nothing there may shadow a module
        atexit._clear()
        gc.unfreeze()
        code = work()
        atexit._run_exitfuncs()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
