"""Removes the objects of a run whose process was killed before it could.

Beside each run a shell waits for a word from certify. If its pipe ends without one, certify was
killed, or interrupted in the middle of a request, and the shell becomes this program. In a session
of its own it outlives a kill of certify's process group; where it dies with certify (a pod, a
reboot) the next command removes the objects.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator

from certify.engine import firewall, notify_socket, reaper
from certify.engine.client import Engine
from certify.engine.connection import environment_for

_WAIT = 'read -r word || exec "$@"'
_PAUSE = 2.0
"""Seconds until it looks again: the engine may still be creating what was asked for."""


@contextlib.contextmanager
def watched(run: str, address: str = "") -> Iterator[None]:
    """Have the objects of a run removed if this process is killed during the block.

    ``address`` is that of their engine.
    """
    program = [sys.executable, "-P", "-m", "certify.engine.watchdog", run]
    with subprocess.Popen(
        ["/bin/sh", "-c", _WAIT, "certify-watchdog", *program],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment_for(address),
        start_new_session=True,
    ) as waiting:
        interrupted = False
        try:
            yield
        except KeyboardInterrupt:
            interrupted = True
            waiting.returncode = 0  # it looks again, and outlives this process
            raise
        finally:
            assert waiting.stdin is not None
            if not interrupted:
                with contextlib.suppress(OSError):
                    waiting.stdin.write(b"ended\n")


@contextlib.contextmanager
def new_run(engine: Engine) -> Iterator[str]:
    """Yield the id of a new run, and remove all its objects at the end, whatever happens."""
    run = reaper.new_run_id()
    with watched(run, engine.address):
        try:
            yield run
        finally:
            reaper.remove_run(engine, run)


def main(run: str) -> None:
    """Remove what a run left, and look once more."""
    try:
        with Engine.connect() as engine:
            reaper.remove_run(engine, run)
            time.sleep(_PAUSE)
            reaper.remove_run(engine, run)
    finally:
        firewall.tidy()
        notify_socket.remove_orphans()


if __name__ == "__main__":
    main(sys.argv[1])
