"""Signals that end a run: the first interrupts it, but not while it cleans up."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import FrameType, SimpleNamespace

import pytest

from certify.util.signals import defer_signals, interruptible, time_limit

ENDS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def heard() -> Iterator[list[int]]:
    """Install handlers that only record signals, and restore the former ones."""
    remembered: list[int] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        remembered.append(number)

    before = {number: signal.signal(number, remember) for number in ENDS}
    yield remembered
    assert [signal.getsignal(number) for number in ENDS] == [remember] * 3
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", ENDS)
def test_the_first_signal_interrupts_and_later_ones_are_ignored(
    number: signal.Signals, heard: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(KeyboardInterrupt), interruptible():
        try:
            send(number)
        finally:
            for each in ENDS:
                send(each)
    assert heard == []
    assert capsys.readouterr().err == "certify: interrupted, cleaning up …\n"


def test_a_closed_terminal_is_no_obstacle_to_an_interrupt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone(_text: str) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(sys, "stderr", SimpleNamespace(write=gone))
    with pytest.raises(KeyboardInterrupt), interruptible():
        send(signal.SIGHUP)


def test_a_signal_that_nohup_ignores_stays_ignored() -> None:
    program = (
        "import os, signal; from certify.util.signals import interruptible\n"
        "with interruptible(): os.kill(os.getpid(), signal.SIGHUP); print('goes on')"
    )
    ran = subprocess.run(
        ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", sys.executable, "-c", program],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stdout == "goes on\n"


@pytest.mark.parametrize("number", ENDS)
def test_a_signal_is_deferred_until_the_end_of_the_block(number: signal.Signals) -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), interruptible():
        with defer_signals():
            send(number)
            send(signal.SIGINT)
            done.append("removed")
        done.append("never")
    assert done == ["removed"]


def test_nested_blocks_defer_until_the_outer_end(heard: list[int]) -> None:
    with defer_signals():
        with defer_signals():
            send(signal.SIGTERM)
        assert heard == []
    assert heard == [signal.SIGTERM]


def test_an_ignored_signal_is_not_deferred(heard: list[int]) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with defer_signals():
        send(signal.SIGHUP)
    signal.signal(signal.SIGHUP, before)
    assert heard == []


def test_an_error_in_the_block_is_the_context_of_the_interrupt() -> None:
    with pytest.raises(KeyboardInterrupt) as ended, interruptible(), defer_signals():
        send(signal.SIGINT)
        raise ValueError
    assert isinstance(ended.value.__context__, ValueError)


def test_a_process_without_handlers_ends_after_the_block() -> None:
    program = (
        "import os, signal; from certify.util.signals import defer_signals\n"
        "with defer_signals(): os.kill(os.getpid(), signal.SIGTERM); print('removed', flush=True)\n"
        "print('never')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (ran.stdout, ran.returncode) == ("removed\n", -signal.SIGTERM)


def test_threads_other_than_the_main_one_are_unaffected() -> None:
    def block() -> str:
        with interruptible(), defer_signals():
            return "done"

    run: Callable[[], str] = block
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(run).result() == "done"


def test_a_time_limit_interrupts_a_wait() -> None:
    started = time.monotonic()
    with pytest.raises(TimeoutError, match="too late"), time_limit(0.05, TimeoutError("too late")):
        time.sleep(20)
    assert time.monotonic() - started < 10


def test_a_time_limit_that_is_not_reached_does_nothing() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with time_limit(20, TimeoutError()):
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) is before
