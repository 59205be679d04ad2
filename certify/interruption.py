"""Signals that end a run in order: the first is obeyed, and cleaning up goes on; and time's."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def interruptible(*numbers: signal.Signals) -> Iterator[None]:
    """Raise ``KeyboardInterrupt`` at the first of these signals, and ignore them from then on.

    By default Ctrl-C and SIGTERM. Only a main thread hears signals (signal(3)); in another one
    nothing changes.
    """
    numbers = numbers or (signal.SIGINT, signal.SIGTERM)

    def stop(_number: int, _frame: FrameType | None) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        print("certify: interrupted, cleaning up …", file=sys.stderr)  # noqa: T201
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def at_most(seconds: float, late: Exception) -> Iterator[None]:
    """Raise ``late`` in the block after so many seconds, whatever it waits for then.

    Only a main thread hears signals; in another one there is no limit.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise late

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
