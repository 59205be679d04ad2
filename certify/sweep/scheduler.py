"""What a sweep does with many images: resolve, divide into what is due, run."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Any, Protocol

from certify.certification.certify import Options, certify
from certify.certification.events import Watcher
from certify.certification.startup_runs import measured_host
from certify.engine.client import Engine
from certify.model.result import Image, Result
from certify.sweep.image_cache import ImageCache
from certify.sweep.results import ResultsByKey, named
from certify.sweep.units import Unit


class Observer(Protocol):
    """Is told how a sweep goes on; from several threads."""

    def pulling(self, unit: Unit) -> AbstractContextManager[object]:
        """For as long as the image of a unit is fetched."""

    def watcher(self, unit: Unit) -> Watcher:
        """Somebody to tell how one unit goes on."""

    def ended(self, unit: Unit, results: Sequence[Result]) -> None:
        """A unit has its answer."""


def run(
    due: Sequence[Unit],
    engine: Engine,
    options: Options,
    observer: Observer,
    record: Callable[[Result], Result],
    *,
    jobs: int,
    room: int,
) -> ResultsByKey:
    """Certify what is due, ``jobs`` at a time; record each answer the moment it is known.

    ``record`` gives it back as it is to be shown, if that is not what was found.
    The next images are pulled while others are certified, one after another, at most ``jobs``
    ahead and while there is room in ``room`` bytes; all that was pulled for this alone is
    removed again. On an interruption all that is under way is ended and cleaned up before it
    goes on to the caller.
    """
    stop = threading.Event()
    pulled = ImageCache(engine, room, stop.is_set)
    said: ResultsByKey = {}

    def find(unit: Unit) -> Image:
        if options.pull == "never" or unit.reference.image_id:
            return engine.resolve(unit.reference, platform=unit.asked, pull="never")
        with observer.pulling(unit):
            return pulled.fetch(unit.reference, unit.platform)

    def one(unit: Unit, here: Future[Image]) -> list[Result]:
        chosen = replace(options, platform=unit.asked, stopped=stop.is_set)
        try:
            return certify(
                engine, unit.reference, unit.profiles, chosen, observer.watcher(unit),
                name=unit.names[0][0], find=here.result,
            )  # fmt: skip
        finally:
            if here.exception() is None:
                pulled.release(here.result())

    if due:
        measured_host(engine)  # while nothing else keeps it busy
    with ExitStack() as ending:
        ending.callback(pulled.clear)
        puller = ending.enter_context(ThreadPoolExecutor(1))
        runners = ending.enter_context(ThreadPoolExecutor(jobs))
        waiting = deque(due)
        pulls: dict[Future[Image], Unit] = {}
        running: dict[Future[list[Result]], Unit] = {}
        try:
            while waiting or pulls or running:
                ahead = len(running) >= 2 * jobs
                # What is held by those under way is given back by them, if by nobody else.
                if waiting and not pulls and not ahead and (pulled.has_room() or not running):
                    unit = waiting.popleft()
                    pulls[puller.submit(find, unit)] = unit
                # By polling, so that Ctrl-C is heard at once.
                under_way: set[Future[Any]] = {*pulls, *running}
                wait(under_way, timeout=0.5, return_when=FIRST_COMPLETED)
                for here in [each for each in pulls if each.done()]:
                    unit = pulls.pop(here)
                    running[runners.submit(one, unit, here)] = unit
                for answered in [each for each in running if each.done()]:
                    unit = running.pop(answered)
                    answers = named(unit, answered.result())
                    said |= answers
                    observer.ended(unit, [record(answer) for answer in answers.values()])
        except BaseException:
            stop.set()
            puller.shutdown(wait=False, cancel_futures=True)
            runners.shutdown(wait=False, cancel_futures=True)
            raise
    return said
