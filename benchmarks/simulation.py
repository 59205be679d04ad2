"""A sweep of many images on a Dask cluster, in fast motion: ``python -m benchmarks.simulation``.

The plan, the cluster and its scheduler, the recorder, the ledger and the end of the sweep are the
real ones. Only certifications are stand-ins: they wait for as long as one was measured to take,
:data:`HASTE` times as fast, and return a result of the usual size. Workers are killed meanwhile,
and others take their places. ``IMAGES`` on the command line is the number of images (10,000).
"""

from __future__ import annotations

import importlib
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import dask

from certify.certification.events import Events
from certify.certification.options import Options
from certify.engine.reaper import is_orphan, owner
from certify.judge.profiles import load
from certify.ledger.store import Ledger
from certify.model.result import Result
from certify.model.result_key import ResultKey
from certify.publish.recorder import Recorder
from certify.sweep import cluster as cluster_module
from certify.sweep.cluster import Cluster, ClusterScheduler
from certify.sweep.cluster_task import Task
from certify.sweep.conclusion import Found, conclude
from certify.sweep.plan import ResolvedImage, make_plan
from certify.sweep.results import ResultsByKey
from certify.sweep.supply import Supply
from certify.sweep.units import Unit, make_units
from tests.factories import HOST, result_of
from tests.support.clusters import Cluster as RealCluster

IMAGES = 10_000
WORKERS, SLOTS = 2, 16
HASTE = 1_000.0
LENGTHS = (5.0, 12.0, 14.0, 20.0, 45.0)
"""Seconds of certifications as measured: a small image, native ones, and two on launch."""
KILL_EVERY = 20.0
"""Seconds after which a worker is killed, again and again."""
NO_ENGINE = "unix:///nowhere.sock"
SUITE = f"sha256:{'5' * 64}"


def certify_in_haste(task: Task) -> list[Result]:
    """Stand in for a certification on a worker."""
    number = int(str(task.unit.reference.repository).rpartition("-")[2])
    chance = random.Random(number)
    time.sleep(chance.choice(LENGTHS) / HASTE)
    result = result_of(number, datetime.now(UTC))
    image = result.image.model_copy(
        update={"digest": task.unit.reference.digest, "platform": task.unit.platform}
        | task.unit.name.image_fields
    )
    return [result.model_copy(update={"image": image})]


def images(count: int) -> Iterator[ResolvedImage]:
    """Yield the images of a list, as registries resolve them."""
    for number in range(count):
        name = f"registry.example/team/app-{number}:1"
        yield ResolvedImage(name, "devspace", "linux/amd64", f"sha256:{number:064x}", SUITE)


def plan(ledger: Ledger, count: int) -> tuple[list[Unit], frozenset[ResultKey]]:
    """Return the units that are due, and the keys of all images."""
    listed = list(images(count))
    items = make_plan(
        listed, ledger.results_in_force({HOST.kind}), now=datetime.now(UTC), host_class=HOST.kind
    )
    profiles = {"devspace": load("devspace")}
    units = make_units(items, profiles, pull="missing", native="linux/amd64")
    return units, frozenset(each.key for each in listed)


class Killer:
    """Kills the oldest worker every :data:`KILL_EVERY` seconds; another takes its place."""

    def __init__(self, cluster: RealCluster, workers: list[subprocess.Popen[bytes]]) -> None:
        self._cluster, self._workers = cluster, workers
        self._ended = threading.Event()
        self.count = 0
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while not self._ended.wait(KILL_EVERY):
            self._workers.append(self._cluster.worker(NO_ENGINE, SLOTS))
            self._workers.pop(0).send_signal(signal.SIGKILL)
            self.count += 1

    def stop(self) -> None:
        """Kill no more."""
        self._ended.set()
        self._thread.join()


def sweep(
    ledger: Ledger, folder: Path, due: Sequence[Unit], keys: frozenset[ResultKey]
) -> tuple[int, int]:
    """Certify the units on a cluster, and end the sweep.

    Returns the number of results in the conclusion, and of workers that were killed.
    """
    recordings: dict[ResultKey, str] = {}
    with Recorder(ledger, folder) as recorder, RealCluster(folder) as real:
        number = ledger.sweeps.begin("simulated", owner(), is_orphan)
        workers = [real.worker(NO_ENGINE, SLOTS) for _ in range(WORKERS)]
        real.wait_until_up()
        os.environ.update(real.environment)
        dask.config.refresh()
        killed = Killer(real, workers)

        def record(_: Unit, found: ResultsByKey) -> list[Result]:
            recordings.update((key, recorder.record(each)) for key, each in found.items())
            return [*found.values()]

        engine = cast(Any, SimpleNamespace(host=lambda: HOST))
        cluster = Cluster(real.address, str, print)
        new = ClusterScheduler(engine, Options(), cluster, lambda _: Events(), record).run(
            Supply(due)
        )
        killed.stop()
        end = conclude(recorder, number, Found("simulated", keys, new, recordings))
        assert not recorder.errors, recorder.errors
    return len(end.results), killed.count


def main(count: int) -> None:
    """Print what a first sweep of so many images costs beside the certifications."""
    vars(cluster_module)["certify_task"] = certify_in_haste
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Ledger.open(str(folder / "certify.db")) as ledger:
            began = time.perf_counter()
            units, listed = plan(ledger, count)
            planned = time.perf_counter()
            results, killed = sweep(ledger, folder, units, listed)
            swept = time.perf_counter()
            left, _ = plan(ledger, count)
            again = time.perf_counter()
            rows = len(ledger.matrix_rows())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    work = sum(random.Random(each).choice(LENGTHS) for each in range(count)) / HASTE
    print(f"{count:,} images on {WORKERS} workers of {SLOTS}, {killed} of them killed:")
    print(f"- plan {planned - began:.1f} s, run and end {swept - planned:.0f} s")
    print(f"- of these, stand-ins at full use of all slots {work / WORKERS / SLOTS:.0f} s")
    print(f"- {(swept - planned) / count * 1000:.1f} ms an image")
    print(f"- {results:,} results, {rows:,} rows in the ledger")
    print(f"- due again, as the stand-in was inconclusive: {len(left):,}")
    print(f"- the plan after it {again - swept:.1f} s; peak memory of the leader {peak:.0f} MiB")


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])  # workers import this module
    count = int(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    importlib.import_module("benchmarks.simulation").main(count)
