"""The engine is pinged while checks run, so that its trouble is not taken for the image's."""

from __future__ import annotations

from typing import Any, cast

import pytest

from certify.certification import pings
from certify.certification.pings import ping_and_poll, pinged_on_failure
from certify.engine.client import Engine
from certify.engine.container import Container
from certify.engine.disk_watch import DiskWatch
from certify.model.errors import EngineUnavailable, SuiteBroken, Trouble


class _Engine:
    """Counts pings, which fail once the engine is gone."""

    def __init__(self, *, gone: bool = False) -> None:
        self.gone, self.pings = gone, 0

    def ping(self) -> None:
        self.pings += 1
        if self.gone:
            raise EngineUnavailable("it is gone")


class _Container:
    def __init__(self, engine: _Engine, *, paused: bool = False) -> None:
        self.engine, self.paused = engine, paused

    def require_unpaused(self) -> None:
        if self.paused:
            raise Trouble("somebody paused it")


class _Disk:
    watched = 0

    def require(self) -> None:
        self.watched += 1


def _poll(container: _Container, disk: _Disk, *answers: bool) -> Any:
    told = iter(answers)
    stopped = cast("Any", lambda: next(told))
    return ping_and_poll(cast("Container", container), stopped, cast("DiskWatch", disk))


def test_the_engine_is_pinged_from_time_to_time_only(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, disk = _Engine(), _Disk()
    poll = _poll(_Container(engine), disk, False, False, True)
    assert [poll(), poll()] == [False, False]
    assert (engine.pings, disk.watched) == (0, 2)
    monkeypatch.setattr(pings, "_PING_INTERVAL", -1.0)
    assert poll() is True
    assert (engine.pings, disk.watched) == (1, 3)


@pytest.mark.parametrize(("gone", "paused"), [(True, False), (False, True)])
def test_trouble_of_the_engine_ends_the_wait(
    monkeypatch: pytest.MonkeyPatch, gone: bool, paused: bool
) -> None:
    monkeypatch.setattr(pings, "_PING_INTERVAL", -1.0)
    poll = _poll(_Container(_Engine(gone=gone), paused=paused), _Disk(), False)
    with pytest.raises(Trouble, match="gone" if gone else "paused"):
        poll()


@pytest.mark.parametrize(
    ("gone", "error", "raised", "count"),
    [
        (True, SuiteBroken("odd"), EngineUnavailable, 1),
        (False, SuiteBroken("odd"), SuiteBroken, 1),
        (True, OSError("odd"), OSError, 0),
    ],
)
def test_a_broken_suite_is_the_engines_trouble_if_that_is_gone(
    gone: bool, error: Exception, raised: type[Exception], count: int
) -> None:
    engine = _Engine(gone=gone)
    with pytest.raises(raised), pinged_on_failure(cast("Engine", engine)):
        raise error
    assert engine.pings == count
