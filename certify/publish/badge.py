"""Badges: how an image stands, in a picture for a README.

An SVG that needs no network, and beside it the JSON that a shields.io endpoint badge reads
(``schemaVersion`` 1 of its documentation). What has expired never shows as certified; that is
judged when the file is written, so reports are to be written at least as often as certificates
expire (every sweep does).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from xml.sax.saxutils import escape, quoteattr

from certify.model.file_names import certificate_stem
from certify.model.result import Result
from certify.model.terms import Grade, Status
from certify.publish.phrases import status_of
from certify.util.text import one_line, safe_json

CACHE_SECONDS = 3600
"""How long shields.io may show what it has read."""
LABEL_COLOUR = "3d444d"
# White text on each of them has a contrast of at least 4.5 (WCAG 2, level AA).
GREEN, TEAL, RED, GREY = "1a7f37", "0b6e83", "b42318", "57606a"
_HEIGHT, _PADDING, _LONGEST = 20, 6, 60


@dataclass(frozen=True, slots=True)
class Badge:
    """What a badge says."""

    label: str
    message: str
    colour: str
    """Six hexadecimal digits."""
    told: str
    """The whole in a sentence, for whoever hovers over it or cannot see it."""


def badge_of(result: Result, now: datetime) -> Badge:
    """The badge of one result."""
    status, grade = status_of(result, now), result.verdict.grade
    told = f"{one_line(result.image.reference)} ({one_line(result.profile)})"
    if status != Status.CERTIFIED:
        message, colour = status, RED if status == Status.REJECTED else GREY
    else:
        message = f"{status} {grade.value}" if grade else status
        colour = GREEN if grade is Grade.NATIVE else TEAL
        told += f", until {result.expires_at:%Y-%m-%d}"
    return Badge(one_line(result.profile, _LONGEST), message, colour, f"{message}: {told}")


def badge_of_all(results: Iterable[Result], now: datetime) -> Badge:
    """One badge for a whole list: how many certificates stand."""
    count = sum(status_of(each, now) == Status.CERTIFIED for each in results)
    message = f"{count} certified"
    return Badge("certify", message, GREEN if count else GREY, message)


def badge_files(result: Result, now: datetime) -> Iterator[tuple[str, str]]:
    """Names under the reports folder, and what the two files of a result hold.

    A badge is named as the certificate in ``results/`` is.
    """
    yield from _both(certificate_stem(result), badge_of(result, now))


def badge_files_of_all(results: Iterable[Result], now: datetime) -> Iterator[tuple[str, str]]:
    """The same of the whole list."""
    yield from _both("all", badge_of_all(results, now))


def _both(stem: str, badge: Badge) -> Iterator[tuple[str, str]]:
    yield f"badges/{stem}.svg", svg(badge)
    yield f"badges/{stem}.json", endpoint(badge)


def endpoint(badge: Badge) -> str:
    """The badge as a shields.io endpoint answers it."""
    return (
        safe_json(
            {
                "schemaVersion": 1,
                "label": badge.label,
                "message": badge.message,
                "color": badge.colour,
                "labelColor": LABEL_COLOUR,
                "cacheSeconds": CACHE_SECONDS,
            },
            indent=2,
        )
        + "\n"
    )


def svg(badge: Badge) -> str:
    """The badge as a picture; text of any font is fitted into the width reckoned here."""
    label, message = width(badge.label), width(badge.message)
    left, right = label + 2 * _PADDING, message + 2 * _PADDING
    whole = left + right
    title = escape(badge.told)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole:g}" height="{_HEIGHT}"'
        f' viewBox="0 0 {whole:g} {_HEIGHT}" role="img" aria-label={quoteattr(badge.told)}>'
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


def width(text: str) -> float:
    """How wide a text is at the badge's size, in px."""
    widths = _widths()
    widest = max(widths.values())
    return round(sum(widths.get(letter, widest) for letter in text), 1)


@cache
def _widths() -> dict[str, float]:
    text = (resources.files("certify.publish") / "badge_widths.toml").read_text("utf-8")
    table = tomllib.loads(text)["widths"]
    return {letter: float(width) for width, letters in table.items() for letter in letters}
