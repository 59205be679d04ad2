"""One unit on a worker of a cluster: whether its host takes it, and what goes with it."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any, cast

import pytest

from certify import __version__
from certify.certification.events import Events
from certify.certification.options import Options
from certify.engine.client import Engine
from certify.judge.profiles import load
from certify.model.errors import EngineUnavailable
from certify.model.reference import Reference
from certify.model.result import Image, Result
from certify.sweep import cluster_task
from certify.sweep.cluster_task import HostUnfit, Task, certify_task
from certify.sweep.units import Unit
from tests.factories import HOST, NOON, result_of

APP = Reference.parse("r.invalid/app:1")
UNIT = Unit(APP, "linux/amd64", None, (load("plain"),), ((APP, "plain"),))
IMAGE = Image(reference=APP.familiar, image_id="sha256:1")
FIT = "cgroup v2, overlay2, amd64"


def task(reason: str = "", version: str = __version__, **checks: bytes) -> Task:
    files = {f"sub/{name}.py": content for name, content in checks.items()}
    return Task(UNIT, Options(), FIT, files, lambda: reason, "topic", "key", version)


class Worker:
    """A worker of Dask, as far as a task sees it."""

    address = "tcp://w:1"

    def __init__(self) -> None:
        self.state = SimpleNamespace(tasks={"key": SimpleNamespace(state="executing")})
        self.told: list[object] = []

    def log_event(self, topic: str, message: object) -> None:
        self.told.append((topic, message))


class Cache:
    """An image cache without an engine."""

    def __init__(self, *_arguments: object, **_room: object) -> None:
        self.log: list[str] = []

    def fetch(self, reference: Reference, _platform: str) -> Image:
        self.log.append(f"fetched {reference.tag}")
        return IMAGE

    def release(self, image: Image) -> None:
        assert image is IMAGE
        self.log.append("released")

    def remove_unused(self) -> None:
        self.log.append("removed")


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> cluster_task._Host:
    """This worker's host, whose engine is of the kind that the sweep is planned for."""
    engine = SimpleNamespace(host=lambda: SimpleNamespace(kind=FIT), info={"Name": "worker-7"})
    monkeypatch.setattr(Engine, "connect", lambda: engine)
    monkeypatch.setattr(cluster_task, "ImageCache", Cache)
    monkeypatch.setattr(cluster_task, "remove_orphans", lambda _engine: None)
    made = cluster_task._Host()
    monkeypatch.setattr(cluster_task, "_host", lambda: made)
    return made


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch, host: cluster_task._Host) -> Worker:
    made = Worker()
    monkeypatch.setattr(cluster_task, "get_worker", lambda: made)
    return made


def refuse(*_arguments: object) -> list[Result]:
    raise AssertionError("nothing is certified on a host that is unfit")


def silent() -> object:
    raise EngineUnavailable("no engine answers")


@pytest.mark.parametrize(
    ("asked", "kind", "reason"),
    [
        (task(version="0.0.1"), FIT, f"it has certify {__version__}, not 0.0.1"),
        (task("its disk is full"), FIT, "its disk is full"),
        (task(), "podman", f"it is of another kind: podman, not {FIT}"),
        (task(), "", "no engine answers"),
    ],
)
def test_a_host_that_is_unfit_takes_nothing(
    monkeypatch: pytest.MonkeyPatch,
    worker: Worker,
    host: cluster_task._Host,
    asked: Task,
    kind: str,
    reason: str,
) -> None:
    facts = (lambda: SimpleNamespace(kind=kind)) if kind else silent
    monkeypatch.setattr(host.engine, "host", facts)
    monkeypatch.setattr(cluster_task, "certify_unit", refuse)
    with pytest.raises(HostUnfit) as unfit:
        certify_task(asked)
    arrived = pickle.loads(pickle.dumps(unfit.value))
    assert (arrived.worker, arrived.reason) == (worker.address, reason)


def test_why_a_host_is_unfit_is_found_out_once(worker: Worker) -> None:
    asked: list[int] = []

    def examine() -> str:
        asked.append(1)
        return "its disk is full"

    for _ in range(2):
        with pytest.raises(HostUnfit):
            certify_task(Task(UNIT, Options(), FIT, {}, examine, "topic", "key"))
    assert len(asked) == 1


Certify = Callable[[Engine, Unit, Options, Events, Callable[[], Image]], list[Result]]


def run(monkeypatch: pytest.MonkeyPatch, certify: Certify, asked: Task) -> list[Result]:
    monkeypatch.setattr(cluster_task, "certify_unit", certify)
    return certify_task(asked)


def test_a_unit_is_certified_with_the_leaders_checks_and_its_image_is_gone_afterwards(
    monkeypatch: pytest.MonkeyPatch, worker: Worker, host: cluster_task._Host
) -> None:
    images = cast(Cache, host._images)
    folders = []

    def certify(
        engine: Engine, unit: Unit, options: Options, events: Events, find: Callable[[], Image]
    ) -> list[Result]:
        assert (engine, unit, find()) == (host.engine, UNIT, IMAGE)
        assert images.log == ["fetched 1"], "it is held"
        events.phase("launching")
        assert options.own_checks is not None
        folders.append(options.own_checks)
        assert (options.own_checks / "sub" / "mine.py").read_bytes() == b"x = 1"
        return [result_of(1, NOON), result_of(2, NOON).model_copy(update={"host": None})]

    first, second = run(monkeypatch, certify, task(mine=b"x = 1"))
    assert first.host == HOST.model_copy(update={"name": "worker-7"})
    assert second.host is None
    assert images.log == ["fetched 1", "released", "removed"]
    assert not folders[0].exists()
    assert worker.told == [("topic", ("key", "pulling")), ("topic", ("key", "launching"))]


@pytest.mark.parametrize(
    ("known", "stopped"),
    [({"key": SimpleNamespace(state="executing")}, False),
     ({"key": SimpleNamespace(state="cancelled")}, True), ({}, True)],
)  # fmt: skip
def test_it_ends_early_once_nobody_waits_for_it(
    monkeypatch: pytest.MonkeyPatch, worker: Worker, known: dict[str, Any], stopped: bool
) -> None:
    def certify(_engine: object, _unit: object, options: Options, *_more: object) -> list[Result]:
        assert options.own_checks is None
        assert not options.stopped()
        worker.state.tasks = known
        assert options.stopped() is stopped
        return []

    assert run(monkeypatch, cast(Certify, certify), task()) == []


def test_an_image_of_a_failed_certification_is_released(host: cluster_task._Host) -> None:
    with pytest.raises(OSError, match="odd"), ExitStack() as stack:
        host.fetched(UNIT, Events(), stack)
        raise OSError("odd")
    assert cast(Cache, host._images).log == ["fetched 1", "released", "removed"]
