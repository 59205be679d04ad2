"""Pings of the engine while checks run, so that its trouble is not taken for the image's."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from certify.engine.client import Engine
from certify.engine.container import Container
from certify.engine.disk_watch import DiskWatch
from certify.model.errors import SuiteBroken

_PING_INTERVAL = 20.0


def ping_and_poll(
    container: Container, stopped: Callable[[], bool], disk: DiskWatch
) -> Callable[[], bool]:
    """Return ``stopped``, extended by a ping of the engine from time to time.

    An engine that hangs, or a container that somebody paused, would leave a check waiting for good.
    The returned function raises :class:`~certify.model.errors.EngineUnavailable` if a ping fails,
    :class:`~certify.model.errors.Trouble` for a pause, and :class:`TooMuchWritten`.
    """
    pinged = time.monotonic()

    def poll() -> bool:
        nonlocal pinged
        if time.monotonic() > pinged + _PING_INTERVAL:
            container.engine.ping()
            container.require_unpaused()
            pinged = time.monotonic()
        disk.require()
        return stopped()

    return poll


@contextlib.contextmanager
def pinged_on_failure(engine: Engine) -> Iterator[None]:
    """Ping the engine if the suite broke: if it is gone, that trouble is raised instead."""
    try:
        yield
    except SuiteBroken:
        engine.ping()
        raise
