"""One unit on a worker of a cluster, with the engine of the worker's host.

A failure of the image is a result; what is raised here is the cluster's trouble.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from distributed import Worker, get_worker

from certify import __version__
from certify.certification.engines import remove_orphans
from certify.certification.events import Events
from certify.certification.options import Options
from certify.engine.client import Engine
from certify.model.errors import EngineUnavailable
from certify.model.result import Image, Result
from certify.sweep.image_cache import ImageCache
from certify.sweep.units import PULLING, Unit
from certify.sweep.work import certify_unit

_first = threading.Lock()


class HostUnfit(Exception):
    """A worker whose host can do no work of this sweep: its address, and the reason."""

    def __init__(self, worker: str, reason: str) -> None:
        super().__init__(worker, reason)
        self.worker, self.reason = worker, reason


@dataclass(frozen=True, slots=True)
class Task:
    """A unit with everything that its certification depends on; it travels to the worker."""

    unit: Unit
    options: Options
    host_class: str
    """The kind of host that the sweep is planned for."""
    checks: Mapping[str, bytes]
    """The files of the user's own checks, by their paths in the folder."""
    reason_unfit: Callable[[], str]
    """A function that returns why the worker's engine cannot certify; empty if it can."""
    topic: str
    """The topic of the cluster that progress is reported to."""
    key: str
    version: str = __version__


class _RemoteEvents(Events):
    """Sends the phases of a certification to whoever leads the sweep."""

    def __init__(self, worker: Worker, topic: str, key: str) -> None:
        self._worker, self._topic, self._key = worker, topic, key

    def phase(self, name: str) -> None:
        """Send the name of a phase."""
        self._worker.log_event(self._topic, (self._key, name))


def certify_task(task: Task) -> list[Result]:
    """Certify a unit on this worker's engine. Raises :class:`HostUnfit`.

    It ends early once nobody waits for it any more.
    """
    worker = get_worker()
    if reason := _reason_against(task):
        raise HostUnfit(worker.address, reason)
    host, events = _host(), _RemoteEvents(worker, task.topic, task.key)

    def dropped() -> bool:
        known = worker.state.tasks.get(task.key)
        return known is None or known.state == "cancelled"

    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        own = _written(task.checks, Path(folder)) if task.checks else None
        options = replace(task.options, stopped=dropped, own_checks=own)
        find = partial(host.fetched, task.unit, events, stack)
        results = certify_unit(host.engine, task.unit, options, events, find)
    name = str(host.engine.info.get("Name") or worker.address)
    return [_with_host(result, name) for result in results]


def _with_host(result: Result, name: str) -> Result:
    host = result.host and result.host.model_copy(update={"name": name})
    return result.model_copy(update={"host": host})


class _Host:
    """The engine of this process, and the images that its units share."""

    def __init__(self) -> None:
        self.engine = Engine.connect()
        self._images = ImageCache(self.engine, room=0)
        self._pulling = threading.Lock()
        remove_orphans(self.engine)

    def fetched(self, unit: Unit, events: Events, stack: ExitStack) -> Image:
        """Return the image of a unit, pulled if needed; it goes when the last user's stack ends."""
        events.phase(PULLING)
        with self._pulling:
            image = self._images.fetch(unit.reference, unit.platform)
        stack.callback(self._remove_unused)
        stack.callback(self._images.release, image)
        return image

    def _remove_unused(self) -> None:
        with self._pulling:
            self._images.remove_unused()


@cache
def _host() -> _Host:
    return _Host()


def _reason_against(task: Task) -> str:
    """Return why this host can do no work of a sweep; empty if it can."""
    if task.version != __version__:
        return f"it has certify {__version__}, not {task.version}"
    with _first:  # the others wait for what it finds
        if reason := _known_reason(task.reason_unfit):
            return reason
        try:
            host_class = _host().engine.host().kind
        except EngineUnavailable as trouble:
            return trouble.message
    if host_class != task.host_class:
        return f"it is of another kind: {host_class}, not {task.host_class}"
    return ""


@cache
def _known_reason(examine: Callable[[], str]) -> str:
    return examine()


def _written(files: Mapping[str, bytes], folder: Path) -> Path:
    """Write the files of the user's own checks to a folder, and return it."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder
