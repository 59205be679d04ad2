"""Badges: the verdict of an image as a small picture for a README.

Each badge is an SVG that needs no network, and a JSON file for a shields.io endpoint badge
(``schemaVersion`` 1 of its documentation). An expired certificate is shown as expired; as this
is decided when the file is written, the reports should be written at least as often as
certificates expire (every sweep does).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from xml.sax.saxutils import escape, quoteattr

from certify.model.file_names import Layout, certificate_stem
from certify.model.result import Result
from certify.model.terms import Grade, Status
from certify.publish.phrases import EXPIRED, status_of
from certify.util.text import one_line, safe_json
from certify.util.toml import packaged

CACHE_SECONDS = 3600
"""The seconds for which shields.io may cache a badge."""
LABEL_COLOUR = "3d444d"
# White text on each of them has a contrast of at least 4.5 (WCAG 2, level AA).
GREEN, TEAL, AMBER, RED, GREY = "1a7f37", "0b6e83", "8a5a00", "b42318", "57606a"
_HEIGHT, _PADDING, _LONGEST = 20, 6, 60


@dataclass(frozen=True, slots=True)
class Badge:
    """The texts and the colour of a badge."""

    label: str
    message: str
    colour: str
    """Six hexadecimal digits."""
    description: str
    """A sentence for tooltips and screen readers."""


def badge_of(result: Result, now: datetime) -> Badge:
    """Return the badge of one result."""
    status, grade = status_of(result, now), result.verdict.grade
    subject = f"{one_line(result.image.reference)} ({one_line(result.profile)})"
    if status != Status.CERTIFIED:
        message, colour = status, RED if status == Status.REJECTED else GREY
    else:
        message = f"{status} {grade.value}" if grade else status
        colour = GREEN if grade is Grade.NATIVE else TEAL
        subject += f", until {result.expires_at:%Y-%m-%d}"
    return Badge(one_line(result.profile, _LONGEST), message, colour, f"{message}: {subject}")


def total_badge(results: Iterable[Result], now: datetime) -> Badge:
    """Return one badge for all results: how many certificates are in force, and what is not well.

    It is green only if nothing was rejected and no certificate has expired.
    """
    counts = Counter(status_of(each, now) for each in results)
    certified, bad = counts[Status.CERTIFIED], counts[Status.REJECTED] + counts[EXPIRED]
    others = [f"{counts[each]} {each}" for each in (Status.REJECTED, EXPIRED) if counts[each]]
    message = ", ".join([f"{certified} certified", *others])
    colour = AMBER if bad else GREEN if certified else GREY
    return Badge("certify", message, colour, message)


def badge_files(
    result: Result, now: datetime, layout: Layout = "flat"
) -> Iterator[tuple[str, str]]:
    """Yield name and content of the two files of a result, named as its certificate is."""
    yield from _files(certificate_stem(result, layout), badge_of(result, now))


def total_badge_files(results: Iterable[Result], now: datetime) -> Iterator[tuple[str, str]]:
    """Yield name and content of the two files about all results."""
    yield from _files("all", total_badge(results, now))


def _files(stem: str, badge: Badge) -> Iterator[tuple[str, str]]:
    yield f"badges/{stem}.svg", svg(badge)
    yield f"badges/{stem}.json", endpoint(badge)


def endpoint(badge: Badge) -> str:
    """Return the badge as JSON for a shields.io endpoint badge."""
    return _endpoint(badge.label, badge.message, badge.colour)


@lru_cache(maxsize=1_000)
def _endpoint(label: str, message: str, colour: str) -> str:
    fields = {
        "schemaVersion": 1,
        "label": label,
        "message": message,
        "color": colour,
        "labelColor": LABEL_COLOUR,
        "cacheSeconds": CACHE_SECONDS,
    }
    return safe_json(fields, indent=2) + "\n"


def svg(badge: Badge) -> str:
    """Return the badge as SVG; text of any font is fitted into the width computed here."""
    label, message = text_width(badge.label), text_width(badge.message)
    left, right = label + 2 * _PADDING, message + 2 * _PADDING
    whole = left + right
    title = escape(badge.description)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole:g}" height="{_HEIGHT}"'
        f' viewBox="0 0 {whole:g} {_HEIGHT}" role="img" aria-label={quoteattr(badge.description)}>'
        f"<title>{title}</title>"
        f'<clipPath id="r"><rect width="{whole:g}" height="{_HEIGHT}" rx="3"/></clipPath>'
        f'<g clip-path="url(#r)">'
        f'<rect width="{left:g}" height="{_HEIGHT}" fill="#{LABEL_COLOUR}"/>'
        f'<rect x="{left:g}" width="{right:g}" height="{_HEIGHT}" fill="#{badge.colour}"/></g>'
        f'<g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11">'
        f'<text x="{_PADDING}" y="14" textLength="{label:g}">{escape(badge.label)}</text>'
        f'<text x="{left + _PADDING:g}" y="14" textLength="{message:g}">'
        f"{escape(badge.message)}</text></g></svg>\n"
    )


@lru_cache(maxsize=1_000)
def text_width(text: str) -> float:
    """Return the width of a text at the badge's font size, in px."""
    widths = _widths()
    widest = max(widths.values())
    return round(sum(widths.get(letter, widest) for letter in text), 1)


@cache
def _widths() -> dict[str, float]:
    table = packaged("certify.publish", "badge_widths.toml")["widths"]
    return {letter: float(width) for width, letters in table.items() for letter in letters}
