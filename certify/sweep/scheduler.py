"""The scheduler of a sweep: runs several units at a time, and pulls the next images meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Any

from certify.certification.events import Events
from certify.certification.options import Options
from certify.certification.startup_runs import measure_host
from certify.engine.client import Engine
from certify.model.errors import Interrupted
from certify.model.result import Image, Result
from certify.sweep.image_cache import ImageCache
from certify.sweep.results import Record, ResultsByKey, hold, results_by_name
from certify.sweep.supply import Supply
from certify.sweep.units import PULLING, STARTING, WAITING, Unit
from certify.sweep.work import certify_unit

_POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Capacity:
    """The limits of a sweep on one host."""

    jobs: int
    """The number of images that are certified at a time."""
    room: int
    """Bytes on the engine's disk for images that are pulled only for the sweep."""
    lanes: bool = True
    """True if a core is left for checks that run side by side."""


@dataclass(frozen=True, slots=True)
class Pull:
    """A unit whose image is being looked up."""

    unit: Unit
    events: Events
    image: Future[Image]


class Scheduler:
    """Certifies units, several at a time.

    The next images are pulled meanwhile, one after another, as long as no more units wait than run
    and the disk has room. At the end, all images that were pulled only for the sweep are removed.
    """

    def __init__(
        self,
        engine: Engine,
        options: Options,
        capacity: Capacity,
        events_for: Callable[[Unit], Events],
        record: Record,
    ) -> None:
        """Make a scheduler; ``record`` gets the results of each unit."""
        self._engine = engine
        self._jobs = capacity.jobs
        self._events_for = events_for
        self._record = record
        self._stop = threading.Event()
        self._options = replace(
            options, stopped=self._stop.is_set, lanes=options.lanes and capacity.lanes
        )
        self._cache = ImageCache(engine, capacity.room, self._stop.is_set)
        self._pulls: dict[Future[Image], Pull] = {}
        self._running: dict[Future[list[Result]], Pull] = {}
        self._results: ResultsByKey = {}
        self._puller = ThreadPoolExecutor(1)
        self._runners = ThreadPoolExecutor(capacity.jobs)

    def run(self, due: Supply) -> ResultsByKey:
        """Certify the units, and return their results under all names; to be called once.

        If it is interrupted, everything that runs is stopped and cleaned up before the exception
        goes on to the caller.
        """
        if due:
            measure_host(self._engine)  # while the sweep does not slow it down yet
        try:
            with self._puller, self._runners:
                try:
                    while due or self._pulls or self._running:
                        if self._stop.is_set():
                            raise Interrupted
                        self._pull_ahead(due)
                        # Polling lets Ctrl-C through at once.
                        active: set[Future[Any]] = {*self._pulls, *self._running}
                        if not active:
                            due.wait(_POLL_SECONDS)
                        wait(active, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
                        self._start_pulled()
                        self._collect_results()
                except BaseException:
                    self._stop_all()
                    raise
        finally:
            self._cache.clear()
        return self._results

    def stop(self) -> None:
        """Have a run in another thread end soon, as if it were interrupted."""
        self._stop.set()

    def _pull_ahead(self, due: Supply) -> None:
        if not due or self._pulls or len(self._running) >= 2 * self._jobs:
            return
        # Running units give their room back. If none runs, an image is pulled whatever its size.
        if (self._cache.has_room() or not self._running) and (unit := due.next()):
            events = self._events_for(unit)
            image = self._puller.submit(self._find_image, unit, events)
            self._pulls[image] = Pull(unit, events, image)

    def _start_pulled(self) -> None:
        for image in [each for each in self._pulls if each.done()]:
            pull = self._pulls.pop(image)
            self._running[self._runners.submit(self._certify, pull)] = pull

    def _collect_results(self) -> None:
        for done in [each for each in self._running if each.done()]:
            pull = self._running.pop(done)
            results = results_by_name(pull.unit, done.result())
            hold(self._results, results)
            pull.events.results(self._record(pull.unit, results))

    def _stop_all(self) -> None:
        self._stop.set()
        self._puller.shutdown(wait=False, cancel_futures=True)
        self._runners.shutdown(wait=False, cancel_futures=True)

    def _find_image(self, unit: Unit, events: Events) -> Image:
        """Return the image of a unit, pulled if needed; runs in the puller's thread."""
        if self._options.pull == "never" or unit.reference.image_id:
            platform = unit.requested_platform
            return self._engine.resolve(unit.reference, platform=platform, pull="never")
        events.phase(PULLING)
        try:
            return self._cache.fetch(unit.reference, unit.platform)
        finally:
            events.phase(WAITING)

    def _certify(self, pull: Pull) -> list[Result]:
        """Certify a unit whose image was looked up; runs in a runner's thread."""
        unit = pull.unit
        pull.events.phase(STARTING)
        try:
            return certify_unit(self._engine, unit, self._options, pull.events, pull.image.result)
        finally:
            if pull.image.exception() is None:
                self._cache.release(pull.image.result())
