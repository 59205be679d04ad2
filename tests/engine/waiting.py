"""Waiting for what another process does: until it is so, and never for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(ask: Callable[[], T], *, seconds: float = 60.0) -> T:
    """The first answer that is true; the test fails if none comes in time."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"waited {seconds:g} s for nothing"
        time.sleep(0.02)
    return answer
