"""Spreading over a cluster: a real scheduler and worker in this process; nothing is launched."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast
from unittest import mock

import dask
import pytest
from distributed import LocalCluster, get_worker

from certify.certification.events import Events
from certify.certification.options import Options
from certify.judge.profiles import load
from certify.model.errors import ClusterUnavailable
from certify.model.reference import Reference
from certify.model.result import Result
from certify.model.terms import Status
from certify.sweep import cluster as module
from certify.sweep.cluster import Cluster, ClusterScheduler
from certify.sweep.cluster_task import HostUnfit, Task
from certify.sweep.results import ResultsByKey
from certify.sweep.supply import Supply
from certify.sweep.units import Unit
from tests.factories import NOON, result_of
from tests.support.registries import free_port

PLAIN = load("plain")
ENGINE = cast(Any, SimpleNamespace(host=lambda: SimpleNamespace(kind="cgroup v2, overlay2, amd64")))


def unit(number: int, *, local: bool = False) -> Unit:
    name = Reference.parse(f"sha256:{number:064x}" if local else f"r.example/app:{number}")
    return Unit(name, "linux/amd64", None, (PLAIN,), ((name, "plain"),))


def certified(task: Task) -> list[Result]:
    """Stand in for a certification: it fails in the way that the image's tag says."""
    if task.unit.reference.tag == "13":
        raise OSError("the worker's own disk")
    return [result_of(1, NOON).model_copy(update={"profile": "plain"})]


@pytest.fixture(autouse=True, scope="module")
def environment() -> Iterator[None]:
    """Take back what Dask sets, such as PYTHONHASHSEED, which later tests would inherit."""
    with mock.patch.dict(os.environ):
        yield


def cluster() -> LocalCluster:
    """A scheduler and a worker in threads of this process."""
    return LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, resources={"docker": 2},
        dashboard_address="127.0.0.1:0", protocol="tcp", host="127.0.0.1",
    )  # fmt: skip


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with cluster() as running:
        yield running.scheduler_address


def swept(
    address: str,
    monkeypatch: pytest.MonkeyPatch,
    *units: Unit,
    certify: Callable[[Task], list[Result]] = certified,
) -> tuple[ResultsByKey, list[str]]:
    """Run a sweep of units; return its results, and what was told."""
    monkeypatch.setattr(module, "certify_task", certify)
    recorded: ResultsByKey = {}
    told: list[str] = []

    def record(_: Unit, found: ResultsByKey) -> list[Result]:
        recorded.update(found)
        return [*found.values()]

    scheduler = ClusterScheduler(
        ENGINE, Options(), Cluster(address, str, told.append), lambda _: Events(), record
    )
    assert scheduler.run(Supply(units)) == recorded
    return recorded, told


def statuses(results: ResultsByKey) -> list[Status]:
    return [each.verdict.status for each in results.values()]


def test_every_unit_gets_its_result(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    results, told = swept(address, monkeypatch, *map(unit, range(9)))
    assert statuses(results) == [Status.CERTIFIED] * 9
    assert told == []


def test_a_worker_that_fails_makes_one_image_inconclusive(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, _ = swept(address, monkeypatch, unit(1), unit(13), unit(2))
    assert sorted(statuses(results)) == [Status.CERTIFIED, Status.CERTIFIED, Status.INCONCLUSIVE]
    (failed,) = (each for each in results.values() if each.verdict.reasons)
    assert "a worker failed: OSError: the worker's own disk" in failed.verdict.reasons[0].text


def test_an_image_whose_hosts_were_lost_is_inconclusive(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scheduler notices the end of a host by that of its connection, which breaks here."""

    def lost(task: Task) -> list[Result]:
        worker = get_worker()
        worker.loop.add_callback(worker.batched_stream.abort)
        return certified(task)

    with dask.config.set({"distributed.scheduler.allowed-failures": 0}), cluster() as lone:
        results, _ = swept(lone.scheduler_address, monkeypatch, unit(1), certify=lost)
    assert statuses(results) == [Status.INCONCLUSIVE]
    assert "its host was lost" in next(iter(results.values())).verdict.reasons[0].text


def test_an_image_of_the_leader_alone_is_inconclusive(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, _ = swept(address, monkeypatch, unit(1, local=True))
    assert statuses(results) == [Status.INCONCLUSIVE]


def test_without_a_fit_worker_the_rest_is_given_up(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unfit(_task: Task) -> list[Result]:
        raise HostUnfit(get_worker().address, "its disk is full")

    monkeypatch.setattr(module, "PATIENCE", 0.5)
    results, told = swept(address, monkeypatch, unit(1), unit(2), certify=unfit)
    assert statuses(results) == [Status.INCONCLUSIVE] * 2
    assert [line.endswith("takes no work: its disk is full") for line in told] == [True]
    texts = {each.verdict.reasons[0].text for each in results.values()}
    assert all("no worker of the cluster can take work" in text for text in texts)


def test_a_scheduler_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.5)
    with pytest.raises(ClusterUnavailable, match="does not answer"):
        swept(f"tcp://127.0.0.1:{free_port()}", monkeypatch, unit(1))
