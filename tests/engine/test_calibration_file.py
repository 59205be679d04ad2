"""A calibration that later processes use: of the same engine, the same boot, and not for long."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from certify.engine import calibration_file
from certify.engine.calibration_file import KEPT_SECONDS, keep, read
from certify.engine.client import Engine
from certify.model.host import Calibration

ORDINARY = Calibration(create_seconds=0.05, start_seconds=0.2, remove_seconds=0.05)
SLOW = Calibration(create_seconds=0.3, start_seconds=0.2, remove_seconds=0.05)


def engine_of(name: str = "one") -> Engine:
    return Engine(cast(Any, None), {"ID": name})


@pytest.fixture(autouse=True)
def file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "certify" / "calibration.json"


def test_an_ordinary_one_is_kept() -> None:
    assert read(engine_of()) is None
    assert keep(engine_of(), ORDINARY) == ORDINARY
    assert read(engine_of()) == ORDINARY


def test_that_of_a_slow_or_busy_host_is_not(file: Path) -> None:
    assert keep(engine_of(), SLOW) == SLOW
    assert not file.exists()


def test_it_says_nothing_about_another_engine_nor_another_way_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep(engine_of(), ORDINARY)
    assert read(engine_of("two")) is None
    monkeypatch.setenv("DOCKER_HOST", "tcp://10.0.0.1:2375")
    assert read(engine_of()) is None


def test_it_says_nothing_after_a_reboot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    keep(engine_of(), ORDINARY)
    other = tmp_path / "boot_id"
    other.write_text("another\n")
    monkeypatch.setattr(calibration_file, "BOOT_ID", other)
    assert read(engine_of()) is None


@pytest.mark.parametrize("seconds", [KEPT_SECONDS, -60.0])
def test_it_counts_for_some_minutes(file: Path, seconds: float) -> None:
    keep(engine_of(), ORDINARY)
    content = json.loads(file.read_bytes())
    file.write_text(json.dumps(content | {"at": content["at"] - seconds}))
    assert read(engine_of()) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"at": "x"}', '{"at": 1, "of": 1}', "\0\xff"])
def test_a_file_that_cannot_be_read_is_none(file: Path, content: str) -> None:
    keep(engine_of(), ORDINARY)
    file.write_text(content)
    assert read(engine_of()) is None


def test_without_a_folder_to_write_to_nothing_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert keep(engine_of(), ORDINARY) == ORDINARY
    assert read(engine_of()) is None
