"""The scheduler: units run side by side, images are pulled ahead, and everything is cleaned up."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any, cast

import pytest

from certify.certification.events import Events
from certify.certification.options import Options
from certify.engine.client import Engine
from certify.judge.profiles import load
from certify.model.errors import ImageUnavailable, Interrupted, Trouble
from certify.model.reference import Reference
from certify.model.result import Image, Result
from certify.sweep import scheduler, work
from certify.sweep.results import ResultsByKey
from certify.sweep.scheduler import Capacity, Scheduler
from certify.sweep.supply import Supply
from certify.sweep.units import Unit
from tests.factories import NOON, result_of
from tests.support.waiting import eventually

PLAIN = load("plain")


def unit(number: int, *more_names: str) -> Unit:
    names = [f"r.example/app:{number}", *more_names]
    parsed = [Reference.parse(name) for name in names]
    return Unit(parsed[0], "linux/amd64", None, (PLAIN,), tuple((each, "plain") for each in parsed))


class Cache:
    """An image cache without an engine."""

    def __init__(self) -> None:
        self.held: list[str] = []
        self.released: list[str] = []
        self.cleared = False
        self.broken: set[str] = set()

    def __call__(self, *_arguments: object) -> Cache:
        return self

    def fetch(self, reference: Reference, _platform: str) -> Image:
        if reference.familiar in self.broken:
            raise ImageUnavailable("the registry is down")
        self.held.append(reference.familiar)
        return Image(reference=reference.familiar, image_id=reference.familiar)

    def release(self, image: Image) -> None:
        self.released.append(image.reference)

    def has_room(self) -> bool:
        return True

    def clear(self) -> None:
        self.cleared = True


class Log(Events):
    """Records the events of one unit."""

    def __init__(self) -> None:
        self.phases: list[str] = []
        self.final: list[str] = []

    def phase(self, name: str) -> None:
        self.phases.append(name)

    def results(self, results: Sequence[Result]) -> None:
        self.final = [result.image.reference for result in results]


class FakeCertification:
    """Looks the image up, waits until it may end, and returns one result."""

    may_end = threading.Event()
    running = 0
    most = 0
    lock = threading.Lock()

    def __init__(
        self, _engine: object, _reference: object, options: Options, *_events: object, **more: Any
    ) -> None:
        self.stopped = options.stopped
        self.find_image = more["find_image"]

    def run(self, _profiles: object) -> list[Result]:
        kind = FakeCertification
        with kind.lock:
            kind.running += 1
            kind.most = max(kind.most, kind.running)
        try:
            while not kind.may_end.wait(0.01):
                if self.stopped():
                    raise Interrupted
            result = result_of(1, NOON).model_copy(update={"profile": "plain"})
            try:
                return [result.model_copy(update={"image": self.find_image()})]
            except Trouble:
                return [result]
        finally:
            with kind.lock:
                kind.running -= 1


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch) -> Cache:
    made = Cache()
    monkeypatch.setattr(scheduler, "ImageCache", made)
    monkeypatch.setattr(work, "Certification", FakeCertification)
    monkeypatch.setattr(scheduler, "measure_host", lambda _engine: None)
    monkeypatch.setattr(FakeCertification, "may_end", threading.Event())
    monkeypatch.setattr(FakeCertification, "most", 0)
    return made


def a_scheduler(
    logs: dict[str, Log], *, jobs: int = 2, record: Any = lambda _, found: [*found.values()]
) -> Scheduler:
    def events_for(each: Unit) -> Events:
        return logs.setdefault(each.name.familiar, Log())

    engine = cast(Engine, None)
    return Scheduler(engine, Options(), Capacity(jobs, 0), events_for, record)


def test_every_name_of_a_unit_gets_a_result_that_is_recorded(cache: Cache) -> None:
    FakeCertification.may_end.set()
    logs: dict[str, Log] = {}
    recorded: list[str] = []

    def record(_: Unit, found: ResultsByKey) -> list[Result]:
        recorded.extend(each.image.reference for each in found.values())
        return [*found.values()]

    found = a_scheduler(logs, record=record).run(Supply([unit(1, "r.example/app:latest"), unit(2)]))
    names = ["r.example/app:1", "r.example/app:latest", "r.example/app:2"]
    assert sorted(key.reference for key in found) == sorted(recorded) == sorted(names)
    assert logs[names[0]].phases == ["pulling", "waiting", "starting"]
    assert logs[names[0]].final == names[:2]
    assert sorted(cache.released) == sorted(cache.held)
    assert cache.cleared


def test_as_many_units_run_as_there_are_jobs_and_as_many_more_are_pulled(cache: Cache) -> None:
    logs: dict[str, Log] = {}
    thread = threading.Thread(target=a_scheduler(logs).run, args=(Supply([*map(unit, range(9))]),))
    thread.start()
    eventually(lambda: len(cache.held) == 4)
    time.sleep(0.2)
    assert len(cache.held) == 4
    FakeCertification.may_end.set()
    thread.join(20)
    assert (len(cache.held), FakeCertification.most) == (9, 2)


def test_an_image_that_cannot_be_pulled_has_a_result_too(cache: Cache) -> None:
    FakeCertification.may_end.set()
    cache.broken = {"r.example/app:1"}
    found = a_scheduler({}).run(Supply([unit(1), unit(2)]))
    assert len(found) == 2
    assert cache.released == ["r.example/app:2"]


def test_an_exception_stops_everything_that_runs_before_it_is_raised(cache: Cache) -> None:
    def record(*_: object) -> list[Result]:
        FakeCertification.may_end.clear()
        raise KeyboardInterrupt

    FakeCertification.may_end.set()
    with pytest.raises(KeyboardInterrupt):
        a_scheduler({}, record=record).run(Supply([*map(unit, range(6))]))
    assert FakeCertification.running == 0
    assert cache.cleared


def test_a_scheduler_in_another_thread_can_be_stopped(cache: Cache) -> None:
    stopping = a_scheduler({})
    raised: list[BaseException] = []

    def run() -> None:
        try:
            stopping.run(Supply([*map(unit, range(9))]))
        except Interrupted as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    eventually(lambda: FakeCertification.running == 2)
    stopping.stop()
    thread.join(20)
    assert (len(raised), FakeCertification.running, cache.cleared) == (1, 0, True)
