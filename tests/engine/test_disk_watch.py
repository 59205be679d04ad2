"""What a candidate writes to the engine's disk is held against a limit."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from certify.engine import disk_watch
from certify.engine.client import Engine
from certify.engine.disk_watch import DiskWatch, TooMuchWritten, written_bytes
from certify.engine.errors import APIError
from certify.engine.launch import launch_container
from certify.engine.launch_plan import LaunchPlan, Limits
from certify.model.errors import Trouble
from certify.model.terms import Fault, Outcome
from tests.conftest import SAMPLES

GB = 10**9
HOLD = """\
{ exec 7>/held; rm /held; head -c 3000000 /dev/zero >&7; : >/ready; exec sleep 1000; } &
until [ -e /ready ]; do sleep 0.1; done
"""


class Api:
    """An engine on another machine, which adds up what two containers have written."""

    def __init__(self, written: int, volume: int = 0) -> None:
        self.written, self.volume, self.asked = written, volume, 0

    def df(self) -> dict[str, Any]:
        self.asked += 1
        return {
            "Containers": [{"Id": "mine", "SizeRw": self.written}, {"Id": "x", "SizeRw": 99 * GB}],
            "Volumes": [
                {"Name": "of mine", "UsageData": {"Size": self.volume}},
                {"Name": "unknown", "UsageData": {"Size": -1}},
                {"Name": "of x", "UsageData": {"Size": 99 * GB}},
            ],
        }

    def inspect_container(self, _name: str) -> dict[str, Any]:
        return {"Mounts": [{"Name": "of mine"}, {"Name": "unknown"}, {"Source": "/tmp"}]}


class Busy(Api):
    """An engine that adds up for somebody else."""

    def df(self) -> dict[str, Any]:
        raise APIError("a disk usage operation is already running")


def engine_with(api: object, *, local: bool = False, root: str = "") -> Engine:
    found = {"local": local, "info": {"DockerRootDir": root}, "client": SimpleNamespace(api=api)}
    return cast(Engine, SimpleNamespace(**found))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    now = [0.0]
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(time, "monotonic", lambda: now[0])
        yield now


@pytest.mark.parametrize(
    ("written", "volume", "much"), [(GB, GB, False), (2 * GB, 0, False), (GB, GB + 1, True)]
)
def test_root_and_volumes_count_together(
    clock: list[float], written: int, volume: int, much: bool
) -> None:
    watch = DiskWatch(engine_with(Api(written, volume)), "mine", 2 * GB)
    clock[0] = 61
    if not much:
        watch.require()
        return
    with pytest.raises(TooMuchWritten, match=r"2.0 GB .* 2.0 GB are allowed") as excess:
        watch.require()
    finding = excess.value.finding("image.shell")
    assert (finding.outcome, finding.fault) == (Outcome.FAILED, Fault.IMAGE)


def test_another_machine_is_asked_once_a_minute(clock: list[float]) -> None:
    api = Api(0)
    watch = DiskWatch(engine_with(api), "mine", GB)
    for now in range(0, 181):
        clock[0] = now
        watch.require()
    assert api.asked == 3


def test_this_machine_is_asked_once_its_disk_has_shrunk(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    free, api = [50 * GB], Api(3 * GB)
    monkeypatch.setattr("os.statvfs", lambda _: SimpleNamespace(f_bfree=free[0], f_frsize=1))
    watch = DiskWatch(engine_with(api, local=True, root="/x"), "mine", 2 * GB)
    clock[0] = 100
    watch.require()
    free[0] = 90 * GB  # somebody removed what was there
    watch.require()
    assert api.asked == 0
    free[0] = 88 * GB
    with pytest.raises(TooMuchWritten):
        watch.require()


@pytest.mark.parametrize(
    ("began", "written", "told"),
    [
        (6, GB, "of the 5.0 GB that went it had written 1.0 GB; the 20.0 GB .* were never free"),
        (6, None, "kept for the host; the 20.0 GB that are allowed were never free"),
        (21, 19 * GB, "of the 20.0 GB that went it had written 19.0 GB; the 20.0 GB .* never free"),
        (23, 19 * GB, "of the 22.0 GB that went it had written 19.0 GB"),
        (23, 0, "of the 22.0 GB that went it had written 0 bytes"),
    ],
)
def test_what_is_allowed_ends_at_the_reserve_and_proves_nothing(
    clock: list[float], monkeypatch: pytest.MonkeyPatch, began: int, written: int | None, told: str
) -> None:
    free = [began * GB]
    monkeypatch.setattr("os.statvfs", lambda _: SimpleNamespace(f_bfree=free[0], f_frsize=1))
    api = Api(written) if written is not None else Busy(0)
    watch = DiskWatch(engine_with(api, local=True, root="/x"), "mine", 20 * GB)
    clock[0] = 100
    watch.require()
    free[0] = GB
    with pytest.raises(Trouble, match=f"{told}$") as trouble:
        watch.require()
    assert trouble.value.fault is Fault.HOST
    assert ("--disk-limit" in trouble.value.remedy) == (began < 22)


def test_files_without_a_name_count(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    free = [50 * GB]
    monkeypatch.setattr("os.statvfs", lambda _: SimpleNamespace(f_bfree=free[0], f_frsize=1))
    monkeypatch.setattr(disk_watch, "unlinked_bytes", lambda *_: 19 * GB)
    watch = DiskWatch(engine_with(Api(2 * GB), local=True, root="/x"), "mine", 20 * GB)
    clock[0] = 100
    free[0] = GB
    with pytest.raises(TooMuchWritten, match=r"had written 21.0 GB"):
        watch.require()


def test_a_host_that_had_little_from_the_start_is_not_stopped_at_once(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [GB]
    monkeypatch.setattr("os.statvfs", lambda _: SimpleNamespace(f_bfree=free[0], f_frsize=1))
    watch = DiskWatch(engine_with(Api(0), local=True, root="/x"), "mine", 20 * GB)
    clock[0] = 100
    watch.require()
    free[0] = GB // 3
    with pytest.raises(Trouble):
        watch.require()


def test_an_engine_that_does_not_add_up_proves_nothing(clock: list[float]) -> None:
    watch = DiskWatch(engine_with(Busy(GB)), "mine", 1)
    clock[0] = 61
    watch.require()


@pytest.mark.engine
@pytest.mark.usefixtures("nothing_left")
def test_what_a_container_has_written(engine: Engine) -> None:
    plan = LaunchPlan("idle", "default", limits=Limits(disk="5m"))
    assert plan.limits.disk_bytes == 5 << 20
    with launch_container(engine, f"{SAMPLES}/busybox", plan) as started:
        shell = started.container.shell()
        assert shell.run("head -c 3000000 /dev/zero >/written").rc == 0
        written = written_bytes(engine, started.container.id)
        assert shell.run(HOLD).rc == 0
        more = written_bytes(engine, started.container.id)
    assert written is not None
    assert 3_000_000 <= written < 4_000_000
    assert more is not None
    if os.geteuid() == 0:
        assert 6_000_000 <= more < 8_000_000
