"""The page docs/performance.md: a section for each part of the benchmarks, with a table and a plot.

A part that is measured again replaces its section; the others stay as they were, each with the
machine and the day of its own measurement.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from xml.sax.saxutils import escape

from benchmarks.machine import loop_seconds

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "performance.md"
HEAD = """\
# Performance

`make bench` measures all of this in up to 50 minutes and writes this page, `make bench
ARGS="native help"` parts of it. Ways that are compared take turns, so that a machine that slows
down slows all of them. Ratios are medians of the ratios in each turn. What is wanted is a goal, not
a promise. Seconds are those of the machine: each section says how quick it was just then.
"""


@dataclass
class Section:
    """What one part of the benchmarks has found."""

    text: str
    columns: Sequence[str] = ("", "median", "min", "max", "ratio to the first")
    rows: list[Sequence[str]] = field(default_factory=list)
    wanted: list[tuple[str, float, float]] = field(default_factory=list)
    """Figures: a name, the value that was measured, and the most that is wanted."""
    bound: str = ""
    """What was measured of the bounds of those figures."""
    bars: dict[str, float] = field(default_factory=dict)
    curves: dict[str, Sequence[tuple[float, float]]] = field(default_factory=dict)
    """Points by what grows; drawn instead of bars."""
    unit: str = "s"


def compared(text: str, times: Mapping[str, Sequence[float]], unit: str = "s") -> Section:
    """Return a section on several ways that took turns; the first one is the floor."""
    floor = next(iter(times.values()))
    section = Section(text, unit=unit)
    for name, taken in times.items():
        ends = (f"{each:.2f} {unit}" for each in (median(taken), min(taken), max(taken)))
        section.rows.append((name, *ends, f"{ratio(taken, floor):.2f}"))
        section.bars[name] = median(taken)
    return section


def ratio(taken: Sequence[float], floor: Sequence[float]) -> float:
    """Return the median of the ratios in each turn."""
    return median(one / least for one, least in zip(taken, floor, strict=True))


def write(part: str, section: Section) -> None:
    """Write the section of a part into the page, and its plot beside it."""
    machine = (
        f"On {datetime.now(UTC):%Y-%m-%d at %H:%M} UTC: {os.cpu_count()} cores, "
        f"Linux {platform.release()}, Python {platform.python_version()}, load "
        f"{os.getloadavg()[0]:.1f} at the end, when counting to a million in Python took "
        f"{1000 * min(loop_seconds() for _ in range(3)):.0f} ms."
    )
    lines = [f"## {part}", "", section.text, "", machine, "", _table(section.columns, section.rows)]
    if section.wanted:
        rows = [
            (name, f"{value:.2f}", f"≤ {most:g}", "met" if value <= most else "missed")
            for name, value, most in section.wanted
        ]
        lines += ["", _table(("figure", "measured", "wanted", ""), rows)]
    if section.bound:
        lines += ["", section.bound]
    if section.bars or section.curves:
        plot = DOCS / "performance" / f"{part}.svg"
        plot.parent.mkdir(exist_ok=True)
        drawn = curves(section.curves) if section.curves else bars(section.bars, section.unit)
        plot.write_text(drawn, "utf-8")
        names = ", ".join(section.curves or section.bars)
        lines += ["", f"![{part}: {names}](performance/{part}.svg)"]
    text = PAGE.read_text("utf-8") if PAGE.exists() else HEAD
    sections = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", text, re.M | re.S))
    sections[part] = "\n".join(lines[1:]) + "\n"
    body = "".join(f"\n## {name}\n{sections[name].rstrip()}\n" for name in sorted(sections))
    PAGE.write_text(HEAD + body, "utf-8")


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", *["---:"] * (len(columns) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (columns, rule, *rows))


def bars(values: Mapping[str, float], unit: str) -> str:
    """Return a plot with a bar for each value."""
    longest = max(values.values()) or 1.0
    parts = []
    for number, (name, value) in enumerate(values.items()):
        y, width = 22 * number, 360 * value / longest
        parts += [
            f'<text x="190" y="{y + 15}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="196" y="{y + 4}" width="{width:.1f}" height="14" rx="2" fill="#4678b4"/>',
            f'<text x="{202 + width:.1f}" y="{y + 15}">{value:.3g} {unit}</text>',
        ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 660 {22 * len(values) + 4}" '
        f'font-family="sans-serif" font-size="12">\n{chr(10).join(parts)}\n</svg>\n'
    )


def curves(found: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Return a plot with a panel for each thing that grows, from zero on both axes."""
    parts = []
    for number, (name, points) in enumerate(found.items()):
        left, width, height = 50 + 165 * number, 115, 120
        most, highest = max(x for x, _ in points), max(y for _, y in points)
        places = [(left + width * x / most, 150 - height * y / highest) for x, y in points]
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts += [
            f'<text x="{left}" y="16">{escape(name)}</text>',
            f'<path d="M{left} 30V150H{left + width}" fill="none" stroke="#888"/>',
            f'<polyline points="{drawn}" fill="none" stroke="#4678b4" stroke-width="2"/>',
            *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#4678b4"/>' for x, y in places),
            f'<text x="{left - 4}" y="36" text-anchor="end">{highest:.3g}</text>',
            f'<text x="{left + width}" y="166" text-anchor="middle">{most:,g}</text>',
        ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {165 * len(found) + 30} 175" '
        f'font-family="sans-serif" font-size="12">\n{chr(10).join(parts)}\n</svg>\n'
    )
