"""The plots of the site: their numbers, and that everything stays inside of them."""

from __future__ import annotations

import re
from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.model.terms import Status
from certify.publish.site.plots import Point, timeline, trend, typical
from certify.publish.timeline import Span
from tests.factories import NOON

STEADY = settings(derandomize=True, deadline=None)
SECONDS = st.floats(0, 1e6, allow_subnormal=False)


def test_where_nothing_was_measured_nothing_is_drawn() -> None:
    assert timeline([]) == trend([]) == ""
    assert trend(points([1.5])) == "", "one result is no trend"


@STEADY
@given(st.lists(st.tuples(SECONDS, SECONDS), min_size=1, max_size=6))
def test_a_timeline_stays_in_its_area(steps: list[tuple[float, float]]) -> None:
    drawn = timeline([Span("x<y", begin, begin + length, "boot") for begin, length in steps])
    root = ET.fromstring(drawn)
    bars = [each for each in root if each.tag.endswith("rect")]
    assert len(bars) == len(steps)
    for bar in bars:
        begin, width = (float(bar.attrib[name].removesuffix("%")) for name in ("x", "width"))
        assert 0 <= begin <= 100
        assert 0 < width <= 100.01
    assert_shares_are_in_range(drawn)
    assert_ticks_are_few(root)


def points(seconds: list[float]) -> list[Point]:
    return [
        Point(NOON + timedelta(days=day), Status.CERTIFIED, each, (each, each * 1.1))
        for day, each in enumerate(seconds)
    ]


@STEADY
@given(st.lists(SECONDS, min_size=2, max_size=12), st.booleans())
def test_a_trend_stays_in_its_area(seconds: list[float], at_once: bool) -> None:
    found = points(seconds)
    if at_once:
        found = [Point(NOON, each.status, each.boot_seconds, each.samples) for each in found]
    drawn = trend(found)
    root = ET.fromstring(drawn)
    height = float(root.attrib["height"])
    for dot in (each for each in root if each.tag.endswith("circle")):
        assert 0 <= float(dot.attrib["cy"]) <= height
    assert_shares_are_in_range(drawn)
    assert_ticks_are_few(root)


def assert_shares_are_in_range(drawn: str) -> None:
    assert all(0 <= float(share) <= 100.3 for share in re.findall(r'"([\d.]+)%"', drawn))


def assert_ticks_are_few(root: ET.Element) -> None:
    assert 1 <= sum(1 for each in root if each.get("class") == "grid") <= 7


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([2], (2, 2, 2)),
        ([3, 1, 2], (1, 2, 3)),
        ([1, 2, 3, 4, 100], (2, 3, 4)),
        ([5, 5, 5, 5], (5, 5, 5)),
    ],
)
def test_quartiles_ignore_an_outlier(
    seconds: list[float], expected: tuple[float, float, float]
) -> None:
    assert typical(points(seconds)) == expected
