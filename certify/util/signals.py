"""Signals: interrupts that leave time to clean up, and time limits.

Python calls signal handlers only in the main thread, so in other threads these context managers
do nothing.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from types import FrameType

_Handler = Callable[[int, FrameType | None], None]

_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals that end a run."""


@contextlib.contextmanager
def interruptible(*numbers: signal.Signals) -> Iterator[None]:
    """Raise ``KeyboardInterrupt`` on the first of these signals, and ignore them from then on.

    The default is SIGINT (Ctrl-C), SIGTERM, and SIGHUP, which a closed terminal sends. SIGHUP stays
    ignored if it was ignored before, as under nohup(1).
    """
    numbers = numbers or _ENDS
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        numbers = tuple(number for number in numbers if number is not signal.SIGHUP)

    def stop(_number: int, _frame: FrameType | None) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        with contextlib.suppress(OSError):  # the terminal may be closed
            print("certify: interrupted, cleaning up …", file=sys.stderr)  # noqa: T201
        raise KeyboardInterrupt

    with _handling(dict.fromkeys(numbers, stop)):
        yield


@contextlib.contextmanager
def defer_signals() -> Iterator[None]:
    """Defer SIGINT, SIGTERM and SIGHUP until the block has ended."""
    received: list[int] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    deferred = [each for each in _ENDS if signal.getsignal(each) not in (signal.SIG_IGN, None)]
    try:
        with _handling(dict.fromkeys(deferred, remember)):
            yield
    finally:
        if received:
            signal.raise_signal(received[0])


@contextlib.contextmanager
def time_limit(seconds: float, error: Exception) -> Iterator[None]:
    """Raise ``error`` in the block after this many seconds, even if it waits for input."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise error

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _handling({signal.SIGALRM: stop}):
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


@contextlib.contextmanager
def _handling(handlers: Mapping[signal.Signals, _Handler]) -> Iterator[None]:
    """Install signal handlers during the block; restore the former ones at its end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
