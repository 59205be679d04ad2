"""Several schedulers at once: together until the end, and stopped together."""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable

import pytest

from certify.model.errors import EngineUnavailable, Interrupted
from certify.model.result_key import ResultKey
from certify.sweep.results import ResultsByKey
from certify.sweep.side_by_side import Spread, run_all
from certify.sweep.supply import Supply
from tests.factories import NOON, result_of


class Fake:
    """A scheduler that does something, and says whether it was stopped."""

    def __init__(self, number: int, work: Callable[[Fake], object]) -> None:
        self.number, self.work = number, work
        self.stopped = threading.Event()

    def run(self, _: Supply) -> ResultsByKey:
        self.work(self)
        result = result_of(self.number, NOON)
        return {ResultKey.of(result): result}

    def stop(self) -> None:
        self.stopped.set()


def jobs(*work: Callable[[Fake], object]) -> tuple[list[Fake], list[tuple[Spread, Supply]]]:
    fakes = [Fake(number, each) for number, each in enumerate(work)]
    return fakes, [(each, Supply([])) for each in fakes]


def until_stopped(fake: Fake) -> None:
    assert fake.stopped.wait(20)
    raise Interrupted


def test_all_work_at_the_same_time() -> None:
    barrier = threading.Barrier(3)
    _, all_of_them = jobs(*[lambda _: barrier.wait(20)] * 3)
    assert len(run_all(all_of_them)) == 3


def test_one_alone_works_in_the_callers_thread() -> None:
    threads: list[threading.Thread] = []
    _, one = jobs(lambda _: threads.append(threading.current_thread()))
    assert len(run_all(one)) == 1
    assert threads == [threading.current_thread()]
    assert run_all([]) == {}


def test_if_one_fails_the_others_are_stopped_before() -> None:
    def fail(_: Fake) -> None:
        raise EngineUnavailable("it is gone")

    fakes, all_of_them = jobs(until_stopped, fail, until_stopped)
    with pytest.raises(EngineUnavailable):
        run_all(all_of_them)
    assert all(each.stopped.is_set() for each in fakes)


def test_an_interruption_stops_all() -> None:
    fakes, all_of_them = jobs(until_stopped, until_stopped)
    threading.Timer(0.2, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        run_all(all_of_them)
    assert all(each.stopped.is_set() for each in fakes)
