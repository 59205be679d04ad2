"""Work in a thread gives its result, or its error, to whoever asks."""

from __future__ import annotations

import threading

import pytest

from certify.util.threads import in_thread


def test_the_result_is_there_once_the_work_is_done() -> None:
    go = threading.Event()

    def work() -> str:
        go.wait()
        return threading.current_thread().name

    future = in_thread(work, "certify-test")
    assert not future.done()
    go.set()
    assert future.result() == "certify-test"


def test_the_error_is_raised_where_the_result_is_wanted() -> None:
    future = in_thread(lambda: 1 // 0, "certify-test")
    with pytest.raises(ZeroDivisionError):
        future.result()
