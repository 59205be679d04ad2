"""The spreading of a sweep over the hosts of a Dask cluster.

Dask keeps the workers, hands a task of a worker that was lost to another one, and encrypts. What
is left to do here: keep enough tasks handed out, and make inconclusive results of those that are
lost for good.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any
from uuid import uuid4

from distributed import Client, Future
from distributed.scheduler import KilledWorker

from certify.certification.events import Events
from certify.certification.options import Options
from certify.engine.client import Engine
from certify.model.errors import ClusterUnavailable, ImageUnavailable, Trouble
from certify.model.result import Result
from certify.sweep.cluster_task import HostUnfit, Task, certify_task
from certify.sweep.results import Record, ResultsByKey, hold, results_by_name
from certify.sweep.supply import Supply
from certify.sweep.units import WAITING, Unit
from certify.sweep.work import certify_unit
from certify.util.text import one_line

RESOURCE = "docker"
"""The resource that workers offer, one for each image that they certify at a time."""
PATIENCE = 60.0
"""Seconds without any worker after which the rest of a sweep is given up."""
CONNECT_SECONDS = 10.0
_POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Cluster:
    """The address of a cluster's scheduler, and how to speak of its workers."""

    address: str
    """Such as ``tls://scheduler:8786``."""
    reason_unfit: Callable[[], str]
    """A function that tells on a worker why its host cannot certify; empty if it can."""
    report: Callable[[str], object]
    """Prints a line about a worker."""


class ClusterScheduler:
    """Certifies units on the workers of a cluster, as many at a time as they offer."""

    def __init__(
        self,
        engine: Engine,
        options: Options,
        cluster: Cluster,
        events_for: Callable[[Unit], Events],
        record: Record,
    ) -> None:
        """Make a scheduler; the ``engine`` tells which kind of host the sweep was planned for."""
        self._cluster = cluster
        self._options = options
        self._host_class = engine.host().kind
        self._checks = _files(options)
        self._events_for = events_for
        self._record = record
        self._topic = f"certify-{uuid4().hex}"
        self._news: SimpleQueue[tuple[str, str]] = SimpleQueue()
        self._again: deque[tuple[Unit, Events]] = deque()
        self._running: dict[Future[Any], tuple[Unit, Events]] = {}
        self._unfit: dict[str, str] = {}
        self._results: ResultsByKey = {}
        self._slots, self._looked, self._seen = 0, -PATIENCE, time.monotonic()

    def run(self, due: Supply) -> ResultsByKey:
        """Certify the units, and return their results under all names; to be called once.

        Raises :class:`ClusterUnavailable` if no scheduler answers. If it is interrupted, the
        workers end what they run, and clean up.
        """
        if not due:
            return self._results
        with _connected(self._cluster.address) as client:
            client.subscribe_topic(self._topic, lambda event: self._news.put(event[1]))
            try:
                while due or self._again or self._running:
                    self._look_at_workers(client, due)
                    self._hand_out(client, due)
                    self._show_news()
                    self._collect(client)
            except BaseException:
                client.cancel(list(self._running), force=True)
                raise
        return self._results

    def stop(self) -> None:
        """Do nothing: a cluster is never one of several."""

    def _look_at_workers(self, client: Client, due: Supply) -> None:
        """Count what the fit workers offer; give up if there has been none for a while."""
        now = time.monotonic()
        if now - self._looked < 2.0 and self._slots:
            return
        self._looked = now
        workers = client.scheduler_info()["workers"] if client.status == "running" else {}
        offers = {name: int(each["resources"].get(RESOURCE, 0)) for name, each in workers.items()}
        self._slots = sum(offer for name, offer in offers.items() if name not in self._unfit)
        if self._slots:
            self._seen = now
        elif client.status != "running" or now - self._seen > PATIENCE:
            self._give_up(client.status == "running", due)

    def _give_up(self, connected: bool, due: Supply) -> None:
        reasons = "; ".join(f"{worker}: {reason}" for worker, reason in self._unfit.items())
        trouble = ClusterUnavailable(
            f"no worker of the cluster can take work{f' ({reasons})' if reasons else ''}"
            if connected else "the cluster's scheduler stopped answering",
            remedy=f"Start workers on hosts with an engine: dask worker {self._cluster.address} "
            f"--resources {RESOURCE}=1; then sweep again: what is certified stays so.",
        )  # fmt: skip
        lost = [*self._running.values(), *self._again]
        self._running.clear()
        self._again.clear()
        for unit, events in (*lost, *((each, self._events_for(each)) for each in due.rest())):
            self._end(unit, events, self._inconclusive(unit, trouble))

    def _next(self, due: Supply) -> tuple[Unit, Events] | None:
        if self._again:
            return self._again.popleft()
        unit = due.next(2 * self._slots)
        return (unit, self._events_for(unit)) if unit else None

    def _hand_out(self, client: Client, due: Supply) -> None:
        """Keep twice as many tasks handed out as the workers run, so that none waits for one."""
        while len(self._running) < 2 * self._slots and (found := self._next(due)):
            unit, events = found
            if unit.reference.image_id:
                trouble = ImageUnavailable(
                    "the image is only on the host that leads the sweep",
                    remedy="Push it to a registry that the workers reach.",
                )
                self._end(unit, events, self._inconclusive(unit, trouble))
                continue
            key = f"certify-{uuid4().hex}"
            task = Task(
                unit, self._options, self._host_class, self._checks, self._cluster.reason_unfit,
                self._topic, key,
            )  # fmt: skip
            workers = client.scheduler_info()["workers"] if self._unfit else ()
            future = client.submit(
                certify_task, task, key=key, pure=False, resources={RESOURCE: 1},
                workers=[each for each in workers if each not in self._unfit] or None,
            )  # fmt: skip
            self._running[future] = unit, events
            future.add_done_callback(lambda done: self._news.put((done.key, "")))

    def _show_news(self) -> None:
        """Wait for news of the workers, for a moment, and show the phases of the units."""
        events = {future.key: events for future, (_, events) in self._running.items()}
        with contextlib.suppress(Empty):
            key, phase = self._news.get(timeout=_POLL_SECONDS)
            while True:
                if phase and key in events:
                    events[key].phase(phase)
                key, phase = self._news.get_nowait()

    def _collect(self, client: Client) -> None:
        """Take in what has ended."""
        done = [each for each in self._running if each.done()]
        results = _gathered(client, [each for each in done if each.status == "finished"])
        for future in done:
            unit, events = self._running.pop(future)
            error = future.exception() if future.status == "error" else None
            if isinstance(error, HostUnfit):
                if error.worker not in self._unfit:
                    self._unfit[error.worker] = error.reason
                    self._cluster.report(f"{error.worker} takes no work: {one_line(error.reason)}")
                self._slots = 0  # count again
                events.phase(WAITING)
                self._again.appendleft((unit, events))
            elif future.status == "finished":
                self._end(unit, events, results.get(future) or future.result())
            elif client.status == "running":
                self._end(unit, events, self._inconclusive(unit, _lost(error)))
            else:
                self._again.appendleft((unit, events))
            future.release()

    def _inconclusive(self, unit: Unit, trouble: Trouble) -> list[Result]:
        return certify_unit(trouble, unit, self._options, Events())

    def _end(self, unit: Unit, events: Events, results: Sequence[Result]) -> None:
        found = results_by_name(unit, results)
        hold(self._results, found)
        events.results(self._record(unit, found))


def _gathered(client: Client, futures: Sequence[Future[Any]]) -> dict[Future[Any], list[Result]]:
    """Return the results of futures, by one request: one for each takes half of the leader's time.

    There are none if one of them was lost meanwhile.
    """
    try:
        return dict(zip(futures, client.gather(futures), strict=True))
    except Exception:
        return {}


def _lost(error: BaseException | None) -> Trouble:
    """Return the trouble of a unit that no worker brought to its end."""
    if isinstance(error, KilledWorker):
        message = "its host was lost, and so were those that tried it after that"
    else:
        message = f"a worker failed: {type(error).__name__}: {one_line(str(error))}"
    return ClusterUnavailable(message, remedy="Look at the workers' logs, then sweep again.")


def _files(options: Options) -> Mapping[str, bytes]:
    """Return the files of the user's own checks, by their paths in the folder."""
    folder = options.own_checks
    if folder is None:
        return {}
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


@contextlib.contextmanager
def _connected(address: str) -> Iterator[Client]:
    """Connect to the scheduler of a cluster. Raises :class:`ClusterUnavailable`."""
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise ClusterUnavailable(
            f"The cluster's scheduler at {address} does not answer: {one_line(str(error))}",
            remedy="Start it (dask scheduler), and see that both use TLS, or neither.",
        ) from error
    try:
        yield client
    finally:
        client.close()
