"""A pull leaves the engine's host its reserve."""

from __future__ import annotations

import time
from itertools import count

import pytest

from certify.engine.disk_space import PLENTY, RESERVE, PullWatch, free_bytes
from certify.model.errors import ImageUnavailable
from certify.model.terms import Fault

GB = 10**9


def test_only_a_disk_of_this_machine_is_seen() -> None:
    assert free_bytes({"DockerRootDir": "/"}, local=True)
    for info in ({"DockerRootDir": "/"}, {}):
        assert free_bytes(info, local=not info) is None
    assert free_bytes({"DockerRootDir": "/no/such/folder"}, local=True) is None


@pytest.mark.parametrize("free", [None, PLENTY + 1])
def test_no_registry_is_asked_where_there_is_plenty(free: int | None) -> None:
    PullWatch("x", lambda: free).require_room(lambda: pytest.fail("the registry was asked"))


def test_an_image_that_does_not_fit_is_not_pulled() -> None:
    watch = PullWatch("team/app:1", lambda: 5 * GB)
    watch.require_room(lambda: 3 * GB)
    with pytest.raises(ImageUnavailable, match=r"app:1 was not pulled: it takes 3.1 GB") as trouble:
        watch.require_room(lambda: 31 * GB // 10)
    assert trouble.value.fault is Fault.HOST
    assert "docker system df" in trouble.value.remedy


def test_what_unpacks_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = count(0, 0.3)
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    left = iter((9 * GB, 8 * GB, 5 * GB, RESERVE - 1))
    watch = PullWatch("team/app:1", lambda: next(left))
    with pytest.raises(ImageUnavailable, match=r"pull of team/app:1 was stopped: 2.0 GB are free"):
        for _ in range(9):
            watch.require()
    assert list(left) == []


def test_half_of_little_is_kept() -> None:
    watch = PullWatch("x", lambda: GB)
    watch.require_room(lambda: GB // 2)
    watch.require()
    with pytest.raises(ImageUnavailable, match=r"500.0 MB are kept for the host"):
        watch.require_room(lambda: GB // 2 + 1)


def test_a_disk_that_cannot_be_seen_stops_nothing() -> None:
    PullWatch("x", lambda: None).require()
