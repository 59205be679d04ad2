"""Signals that end a run: the first is obeyed, but not in the middle of cleaning up."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import FrameType, SimpleNamespace

import pytest

from certify.util.signals import interruptible, shielded

ENDS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def heard() -> Iterator[list[int]]:
    """Handlers that only remember, below whatever a test installs; as they were, at the end."""
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
def test_the_first_signal_ends_a_run_and_no_other_disturbs_its_end(
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


def test_a_terminal_that_is_gone_does_not_keep_a_run_from_ending_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone(_text: str) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(sys, "stderr", SimpleNamespace(write=gone))
    with pytest.raises(KeyboardInterrupt), interruptible():
        send(signal.SIGHUP)


def test_what_nohup_ignores_stays_ignored() -> None:
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
def test_a_signal_waits_for_the_end_of_what_is_shielded(number: signal.Signals) -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), interruptible():
        with shielded():
            send(number)
            send(signal.SIGINT)
            done.append("removed")
        done.append("never")
    assert done == ["removed"]


def test_shields_in_one_another_are_one(heard: list[int]) -> None:
    with shielded():
        with shielded():
            send(signal.SIGTERM)
        assert heard == []
    assert heard == [signal.SIGTERM]


def test_what_is_ignored_is_not_heard_later(heard: list[int]) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with shielded():
        send(signal.SIGHUP)
    signal.signal(signal.SIGHUP, before)
    assert heard == []


def test_an_error_of_what_is_shielded_comes_before_a_signal() -> None:
    with pytest.raises(KeyboardInterrupt) as ended, interruptible(), shielded():
        send(signal.SIGINT)
        raise ValueError
    assert isinstance(ended.value.__context__, ValueError)


def test_a_process_that_obeys_nothing_by_itself_ends_after_what_is_shielded() -> None:
    program = (
        "import os, signal; from certify.util.signals import shielded\n"
        "with shielded(): os.kill(os.getpid(), signal.SIGTERM); print('removed', flush=True)\n"
        "print('never')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (ran.stdout, ran.returncode) == ("removed\n", -signal.SIGTERM)


def test_in_a_thread_nothing_is_heard_and_nothing_is_shielded() -> None:
    def block() -> str:
        with interruptible(), shielded():
            return "done"

    run: Callable[[], str] = block
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(run).result() == "done"
