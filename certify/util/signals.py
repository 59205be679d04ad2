"""Signals that end a run in order: the first is obeyed, and cleaning up goes on; and time's.

Only a main thread hears signals (signal(3)); in another one nothing here changes anything.
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


@contextlib.contextmanager
def interruptible(*numbers: signal.Signals) -> Iterator[None]:
    """Raise ``KeyboardInterrupt`` at the first of these signals, and ignore them from then on.

    By default Ctrl-C, SIGTERM and SIGHUP, which the end of a terminal sends; that one stays ignored
    if it was, as nohup(1) wants it.
    """
    numbers = numbers or _ENDS
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        numbers = tuple(number for number in numbers if number is not signal.SIGHUP)

    def stop(_number: int, _frame: FrameType | None) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        with contextlib.suppress(OSError):  # the terminal may be gone
            print("certify: interrupted, cleaning up …", file=sys.stderr)  # noqa: T201
        raise KeyboardInterrupt

    with _handling(dict.fromkeys(numbers, stop)):
        yield


@contextlib.contextmanager
def shielded() -> Iterator[None]:
    """Let the block come to its end: a signal that would end the run is obeyed after it."""
    heard: list[int] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        heard.append(number)

    obeyed = [number for number in _ENDS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    try:
        with _handling(dict.fromkeys(obeyed, remember)):
            yield
    finally:
        if heard:
            signal.raise_signal(heard[0])


@contextlib.contextmanager
def at_most(seconds: float, late: Exception) -> Iterator[None]:
    """Raise ``late`` in the block after so many seconds, whatever it waits for then."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise late

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
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
