"""Schedulers of several engines at work at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Protocol

from certify.sweep.results import ResultsByKey, hold
from certify.sweep.supply import Supply

_POLL_SECONDS = 0.5


class Spread(Protocol):
    """A scheduler, of an engine or of a cluster."""

    def run(self, due: Supply) -> ResultsByKey:
        """Certify the units, and return their results under all names."""

    def stop(self) -> None:
        """Have a run in another thread end soon, and clean up."""


def run_all(jobs: Sequence[tuple[Spread, Supply]]) -> ResultsByKey:
    """Run each scheduler with its units, all at the same time; return all results.

    If it is interrupted, or one of them fails, all are stopped before the exception is raised.
    """
    found: ResultsByKey = {}
    if len(jobs) == 1:  # in this thread, so that signals interrupt it at once
        scheduler, due = jobs[0]
        hold(found, scheduler.run(due))
        return found
    with ThreadPoolExecutor(max(1, len(jobs))) as pool:
        running = [pool.submit(scheduler.run, due) for scheduler, due in jobs]
        try:
            left = set(running)
            while left:  # polling lets Ctrl-C through at once
                ended, left = wait(left, timeout=_POLL_SECONDS, return_when=FIRST_EXCEPTION)
                for each in ended:
                    each.result()
        except BaseException:
            for scheduler, _ in jobs:
                scheduler.stop()
            raise
    for each in running:
        hold(found, each.result())
    return found
