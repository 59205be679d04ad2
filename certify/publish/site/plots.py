"""Plots as SVG: the timeline of one launch, and the boot time of an image over many results.

Horizontal positions are percentages, so that a plot fills any width with text of one size; names
are to the left of 0, in padding from the style sheet. Colours come from classes there, so that
they follow the light and dark themes. A ``<title>`` describes each plot in words.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from xml.sax.saxutils import escape

from certify.model.terms import Status
from certify.publish import phrases
from certify.publish.timeline import Span

_ROW = 22
_AXIS = 24
_TREND = 130


@dataclass(frozen=True, slots=True)
class Point:
    """One result with a boot time, as a point of the trend."""

    at: datetime
    status: Status
    boot_seconds: float
    samples: tuple[float, ...] = ()


def timeline(spans: Sequence[Span]) -> str:
    """Return a plot with a bar per step; an empty text without steps."""
    if not spans:
        return ""
    whole = max(span.end for span in spans) or 1.0
    bottom = _ROW * len(spans)
    ends = ", ".join(f"{s.name} after {phrases.seconds(s.end)}" for s in spans)
    parts = []
    for tick in _ticks(whole):
        x = _share(tick, whole)
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="0" y2="{bottom + 4}"/>')
        parts.append(f'<text class="tick" x="{x}" y="{bottom + 18}">{tick:g} s</text>')
    for number, span in enumerate(spans):
        y = number * _ROW
        parts.append(f'<text class="name" x="-8" y="{y + 15}">{escape(span.name)}</text>')
        parts.append(
            f'<rect class="{span.kind}" x="{_share(span.begin, whole)}" y="{y + 4}"'
            f' width="{_share(max(span.end - span.begin, whole / 400), whole)}"'
            f' height="{_ROW - 8}" rx="2"/>'
        )
        took = _short(span.end - span.begin)
        parts.append(
            f'<text class="value" x="{_share(span.end, whole)}" dx="6" y="{y + 15}">{took}</text>'
        )
    return _plot("timeline", bottom + _AXIS, f"Timeline: {ends}", parts)


def typical(points: Sequence[Point]) -> tuple[float, float, float]:
    """Return the lower quartile, the median and the upper quartile of boot times in seconds.

    With fewer than four points the minimum and the maximum replace the quartiles.
    """
    found = [point.boot_seconds for point in points]
    if len(found) < 4:
        return min(found), statistics.median(found), max(found)
    low, middle, high = statistics.quantiles(found, n=4, method="inclusive")
    return low, middle, high


def trend(points: Sequence[Point]) -> str:
    """Return a plot of boot times, oldest first; an empty text for fewer than two points.

    The band is the middle half of all results; a bar is the range of one result's launches.
    """
    if len(points) < 2:
        return ""
    first, last = points[0].at.timestamp(), points[-1].at.timestamp()
    slowest = max(max((point.boot_seconds, *point.samples)) for point in points)
    top = max(slowest * 1.15, 0.1)

    def across(point: Point) -> str:
        return _share(point.at.timestamp() - first, last - first) if last > first else "50%"

    def up(seconds: float) -> str:
        return f"{_TREND - seconds / top * (_TREND - 8):.1f}"

    low, middle, high = typical(points)
    description = (
        f"Boot over {len(points)} results: median {phrases.seconds(middle)}, "
        f"{phrases.seconds(min(p.boot_seconds for p in points))} to {phrases.seconds(slowest)}"
    )
    parts = []
    for tick in _ticks(top):
        y = float(up(tick))
        parts.append(f'<line class="grid" x1="0" x2="100%" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="name" x="-8" y="{y + 4:.1f}">{tick:g} s</text>')
    height = float(up(low)) - float(up(high))
    parts.append(f'<rect class="band" width="100%" y="{up(high)}" height="{height:.1f}"/>')
    parts.append(f'<line class="median" x1="0" x2="100%" y1="{up(middle)}" y2="{up(middle)}"/>')
    for one, other in pairwise(points):
        parts.append(
            f'<line class="line" x1="{across(one)}" x2="{across(other)}"'
            f' y1="{up(one.boot_seconds)}" y2="{up(other.boot_seconds)}"/>'
        )
    for point in points:
        x = across(point)
        if len(point.samples) > 1:
            y1, y2 = up(min(point.samples)), up(max(point.samples))
            parts.append(f'<line class="spread" x1="{x}" x2="{x}" y1="{y1}" y2="{y2}"/>')
        hover = f"{point.at:%Y-%m-%d %H:%M}: {point.status.value}, {_short(point.boot_seconds)}"
        parts.append(
            f'<circle class="{point.status.value}" cx="{x}" cy="{up(point.boot_seconds)}" r="4">'
            f"<title>{hover}</title></circle>"
        )
    for point in dict.fromkeys((points[0], points[-1])):
        day = f"{point.at:%Y-%m-%d}"
        parts.append(f'<text class="tick" x="{across(point)}" y="{_TREND + 18}">{day}</text>')
    return _plot("trend", _TREND + _AXIS, description, parts)


def _plot(kind: str, height: int, description: str, parts: Sequence[str]) -> str:
    return (
        f'<svg class="plot {kind}" width="100%" height="{height}" role="img"'
        f' xmlns="http://www.w3.org/2000/svg"><title>{escape(description)}</title>{"".join(parts)}</svg>'
    )


def _share(part: float, whole: float) -> str:
    return f"{part / whole * 100:.2f}%"


def _short(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 1 else phrases.seconds(seconds)


def _ticks(whole: float) -> list[float]:
    """Return three to six round numbers from 0 up to the whole."""
    step = 0.001
    for factor in (2, 2.5, 2) * 20:
        if whole / step <= 6:
            break
        step *= factor
    return [round(number * step, 3) for number in range(int(whole / step) + 1)]
