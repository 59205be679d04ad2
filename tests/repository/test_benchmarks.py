"""The page that ``make bench`` writes: sections are replaced one by one, plots can be read."""

from __future__ import annotations

import os
import re
from importlib import import_module
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import report
from benchmarks.__main__ import PARTS, main
from benchmarks.images import bound_of, chain_of
from benchmarks.machine import Stopwatch, busy_seconds, loop_seconds
from benchmarks.report import compared


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(report, "DOCS", tmp_path)
    monkeypatch.setattr(report, "PAGE", tmp_path / "performance.md")
    return tmp_path / "performance.md"


def test_a_part_that_is_measured_again_replaces_its_section(page: Path) -> None:
    report.write("native", compared("once", {"floor": [1.0, 2.0], "certify": [2.0, 3.0]}))
    report.write("help", compared("other", {"floor": [1.0]}))
    report.write("native", compared("second", {"floor": [1.0, 2.0], "certify": [2.0, 3.0]}))
    text = page.read_text("utf-8")
    assert text.startswith("# Performance\n")
    assert text.count("## native\n") == text.count("## help\n") == 1
    assert "second" in text and "other" in text and "once" not in text
    assert "| certify | 2.50 s | 2.00 s | 3.00 s | 1.75 |" in text
    assert "](performance/native.svg)" in text
    assert re.search(
        r"\nOn \d{4}-\d\d-\d\d at \d\d:\d\d UTC: .* a million in Python took \d+ ms\.\n", text
    )


def test_a_loop_takes_time() -> None:
    assert loop_seconds(10) > 0


def test_a_figure_is_met_or_missed(page: Path) -> None:
    section = compared("text", {"floor": [1.0]})
    section.wanted = [("a", 0.5, 0.8), ("b", 0.9, 0.8)]
    report.write("native", section)
    text = page.read_text("utf-8")
    assert "| a | 0.50 | ≤ 0.8 | met |" in text
    assert "| b | 0.90 | ≤ 0.8 | missed |" in text


def test_a_plot_is_a_drawing_with_a_bar_for_each_value() -> None:
    drawn = ET.fromstring(report.bars({"x<y": 1.0, "z": 0.0}, "s"))
    assert [each.get("width") for each in drawn if each.tag.endswith("rect")] == ["360.0", "0.0"]


def test_curves_are_a_drawing_with_a_point_for_each_figure() -> None:
    drawn = ET.fromstring(report.curves({"x<y": [(1, 2.0), (2, 4.0)], "z": [(3, 1.0)]}))
    points = [(each.get("cx"), each.get("cy")) for each in drawn if each.tag.endswith("circle")]
    assert points == [("107.5", "90.0"), ("165.0", "30.0"), ("330.0", "30.0")]


def test_busy_time_is_that_of_all_cores_without_their_waits(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 10 30 9000 500 1 9 7 3 0\ncpu0 50 5 15 4500 250 1 4 3 1 0\n", "ascii")
    assert busy_seconds(stat) * os.sysconf("SC_CLK_TCK") == 150
    assert 0 < busy_seconds() <= busy_seconds()


def test_a_bound_is_what_remains_if_no_core_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    floor, other = Stopwatch(), Stopwatch()
    floor.seconds, floor.busy, other.seconds, other.busy = 10.0, 12.0, 8.0, 14.0
    text = bound_of({"floor": [floor], "certify": [other]})
    assert "`floor` 12.0 (6.0 s, 0.60 of the floor), `certify` 14.0 (7.0 s, 0.70 of" in text


def test_every_part_exists(capsys: pytest.CaptureFixture[str]) -> None:
    for part in PARTS.values():
        module, _, function = part.partition(":")
        assert callable(getattr(import_module(f"benchmarks.{module}"), function))
    assert main(["nothing"]) == 2
    assert "no such part: nothing; there are native, " in capsys.readouterr().out


def test_a_run_is_told_by_the_parts_that_wait_for_each_other() -> None:
    spans = [("", 0.5, 0.5), ("a", 1.5, 1.0), ("b", 1.5, 2.0), ("a", 3.0, 1.0), ("", 4.0, 2.0)]
    checks = [{"lane": lane, "began_seconds": at, "seconds": took} for lane, at, took in spans]
    told = chain_of([*checks, {"lane": "", "began_seconds": None, "seconds": 0.0}], 7.0)
    assert told.startswith(
        "One more run: 1.5 s until the image is up and timed, 2.5 s side by side"
    )
    assert "`a`, 2.5 s), 2.0 s for what must run alone (restarts and shutdown), and 1.0 s" in told
    assert chain_of(checks[:1], 1.0) == "No checks ran side by side."
