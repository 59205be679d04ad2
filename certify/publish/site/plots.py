"""Plots as SVG: how one launch went, and how the startup of an image went over time.

Colours come from classes in the style sheet, so that they follow light and dark; what a plot shows
is also told in its ``<title>``.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from xml.sax.saxutils import escape

from certify.model import Result, Status
from certify.publish import phrases

WIDTH = 720
_LABELS = 96
_ROW = 22


@dataclass(frozen=True, slots=True)
class Span:
    """One step of a launch: from when to when, in seconds since certify asked for the container."""

    name: str
    begin: float
    end: float
    kind: str
    """The class of its colour: engine, install, boot, dockerd or checks."""


@dataclass(frozen=True, slots=True)
class Point:
    """One result of an image's past."""

    at: datetime
    status: Status
    boot_seconds: float | None
    samples: tuple[float, ...] = ()


def spans_of(result: Result) -> list[Span]:
    """The steps of a launch that were measured, one after another as they happened."""
    startup = result.startup
    spans: list[Span] = []
    now = 0.0
    for name, seconds, kind in (
        ("created", startup.create_seconds, "engine"),
        ("started", startup.start_seconds, "engine"),
        ("installed", startup.provision_seconds, "install"),
    ):
        if seconds is not None:
            spans.append(Span(name, now, now + seconds, kind))
            now += seconds
    up = now
    for name, seconds, kind in (
        ("systemd up", startup.boot_seconds, "boot"),
        ("dockerd up", startup.dockerd_seconds, "dockerd"),
    ):
        if seconds is not None:  # both are counted from the start of PID 1
            spans.append(Span(name, now, now + seconds, kind))
            up = max(up, now + seconds)
    asked = sum(check.seconds for check in result.checks)
    if asked:
        spans.append(Span("checks", up, up + asked, "checks"))
    return spans


def timeline(spans: Sequence[Span]) -> str:
    """A bar for each step; nothing where nothing was measured."""
    if not spans:
        return ""
    whole = max(span.end for span in spans) or 1.0
    height = _ROW * len(spans) + 24
    room = WIDTH - _LABELS - 60
    told = ", ".join(f"{s.name} after {phrases.seconds(s.end)}" for s in spans)
    parts = [_open("timeline", height, f"Timeline: {told}")]
    for tick in _ticks(whole):
        x = _LABELS + tick / whole * room
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height - 20}"/>')
        parts.append(f'<text class="tick" x="{x:.1f}" y="{height - 6}">{tick:g} s</text>')
    for number, span in enumerate(spans):
        x, y = _LABELS + span.begin / whole * room, number * _ROW
        width = max((span.end - span.begin) / whole * room, 1.5)
        parts.append(
            f'<text class="name" x="{_LABELS - 8}" y="{y + 15}">{escape(span.name)}</text>'
        )
        parts.append(
            f'<rect class="{span.kind}" x="{x:.1f}" y="{y + 4}" width="{width:.1f}"'
            f' height="{_ROW - 8}" rx="2"/>'
        )
        took = phrases.seconds(span.end - span.begin)
        parts.append(f'<text class="value" x="{x + width + 6:.1f}" y="{y + 15}">{took}</text>')
    return "".join(parts) + "</svg>"


def trend(points: Sequence[Point]) -> str:
    """Boot seconds over time, with their median and the spread of several samples."""
    timed = [(point, point.boot_seconds) for point in points if point.boot_seconds is not None]
    if not timed:
        return ""
    first, last = points[0].at.timestamp(), points[-1].at.timestamp()
    span = max(last - first, 1.0)
    slowest = max(max((seconds, *point.samples)) for point, seconds in timed)
    top = max(slowest * 1.15, 0.1)
    height, base = 150, 126
    room = WIDTH - _LABELS - 24

    def across(moment: datetime) -> float:
        single = len(points) == 1
        return _LABELS + (room / 2 if single else (moment.timestamp() - first) / span * room)

    def up(seconds: float) -> float:
        return base - seconds / top * (base - 8)

    middle = statistics.median(seconds for _, seconds in timed)
    told = (
        f"Boot over {len(timed)} results: median {phrases.seconds(middle)}, "
        f"{phrases.seconds(min(s for _, s in timed))} to {phrases.seconds(slowest)}"
    )
    parts = [_open("trend", height, told)]
    for tick in _ticks(top):
        y = up(tick)
        parts.append(f'<line class="grid" x1="{_LABELS}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="name" x="{_LABELS - 8}" y="{y + 4:.1f}">{tick:g} s</text>')
    y = up(middle)
    parts.append(f'<line class="median" x1="{_LABELS}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
    line = " ".join(f"{across(point.at):.1f},{up(seconds):.1f}" for point, seconds in timed)
    parts.append(f'<polyline class="line" points="{line}"/>')
    for point, seconds in timed:
        x = across(point.at)
        if len(point.samples) > 1:
            low, high = up(min(point.samples)), up(max(point.samples))
            parts.append(
                f'<line class="spread" x1="{x:.1f}" x2="{x:.1f}" y1="{high:.1f}" y2="{low:.1f}"/>'
            )
        hover = f"{point.at:%Y-%m-%d %H:%M}: {point.status.value}, {phrases.seconds(seconds)}"
        parts.append(
            f'<circle class="{point.status.value}" cx="{x:.1f}" cy="{up(seconds):.1f}" r="4">'
            f"<title>{hover}</title></circle>"
        )
    ends = {points[0]: "start", points[-1]: "end"} if len(points) > 1 else {points[0]: "middle"}
    for point, anchor in ends.items():
        x = across(point.at)
        parts.append(
            f'<text class="tick" text-anchor="{anchor}" x="{x:.1f}" y="{height - 6}">'
            f"{point.at:%Y-%m-%d}</text>"
        )
    return "".join(parts) + "</svg>"


def _open(kind: str, height: int, told: str) -> str:
    return (
        f'<svg class="plot {kind}" viewBox="0 0 {WIDTH} {height}" role="img"'
        f' xmlns="http://www.w3.org/2000/svg"><title>{escape(told)}</title>'
    )


def _ticks(whole: float) -> list[float]:
    """Three to six round numbers from 0 up to the whole."""
    step = 0.001
    for factor in (2, 2.5, 2) * 20:
        if whole / step <= 6:
            break
        step *= factor
    return [round(number * step, 3) for number in range(int(whole / step) + 1)]
