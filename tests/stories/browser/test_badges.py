"""Badges as a browser draws them."""

from __future__ import annotations

from pathlib import Path

import pytest

from certify.publish.badge import GREEN, Badge, svg, text_width
from tests.stories.browser.conftest import Visit

pytestmark = pytest.mark.browser

TEXTS = ("devspace", "certified native", "certified on-launch", "webdevops-base-app", "rejected")


def test_the_computed_width_is_the_drawn_width(visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<!doctype html><canvas></canvas>")
    page = visit.open(tmp_path / "page.html")
    for text in TEXTS:
        drawn = page.evaluate(
            """text => {
                const c = document.querySelector('canvas').getContext('2d');
                c.font = '11px Verdana, "DejaVu Sans"';
                return c.measureText(text).width;
            }""",
            text,
        )
        assert abs(drawn - text_width(text)) <= 0.06 * drawn, text


def test_no_text_leaves_its_field(visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "badge.svg").write_text(svg(Badge("devspace", "certified native", GREEN, "told")))
    page = visit.open(tmp_path / "badge.svg")
    boxes = page.evaluate(
        """() => [...document.querySelectorAll('text')].map(t => {
            const b = t.getBBox(); return [b.x, b.x + b.width];
        })"""
    )
    whole = page.evaluate("() => document.documentElement.width.baseVal.value")
    (left, middle), (start, end) = boxes
    assert 0 < left < middle < start < end < whole
    assert page.locator("svg").get_attribute("aria-label") == "told"
