"""Atom feeds (RFC 4287) of what changed, the newest first; each publication adds an entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from uuid import NAMESPACE_URL, uuid5
from xml.etree import ElementTree as ET

from certify.ledger.changes import Change
from certify.util.text import one_line

ATOM = "http://www.w3.org/2005/Atom"
KEPT = 50
"""The number of entries that a feed keeps."""
LINES = 500
"""The number of lines of an entry; the others are counted."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One moment of a feed, and the changes that it brought."""

    title: str
    updated: datetime
    lines: Sequence[str]


def with_entry(before: str | bytes | None, name: str, title: str, entry: Entry) -> str:
    """Return a feed with one more entry, if that has lines and is not in it yet.

    ``before`` is the feed so far; one that is no XML starts anew. ``name`` tells this feed from
    others.
    """
    feed = ET.Element(f"{{{ATOM}}}feed")
    _add(feed, "id", _id(name))
    _add(feed, "title", title)
    _add(feed, "updated", entry.updated.isoformat())
    _add(ET.SubElement(feed, f"{{{ATOM}}}author"), "name", "certify")
    new = _id(f"{name}\n{entry.updated.isoformat()}")
    old = [each for each in _entries(before) if each.findtext(f"{{{ATOM}}}id") != new]
    if entry.lines:
        feed.append(_entry(new, entry))
    feed.extend(old[: KEPT - len(feed.findall(f"{{{ATOM}}}entry"))])
    ET.register_namespace("", ATOM)
    text = ET.tostring(feed, encoding="unicode", short_empty_elements=False)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def change_lines(changes: Sequence[Change]) -> list[str]:
    """Return the changes from one sweep to the next as lines."""
    return [
        f"{each.kind}: {each.image.reference} [{each.image.profile}]"
        + (f": {each.image.cause}" if each.image.cause else "")
        for each in changes
    ]


def _entry(identity: str, entry: Entry) -> ET.Element:
    element = ET.Element(f"{{{ATOM}}}entry")
    _add(element, "id", identity)
    _add(element, "title", one_line(entry.title))
    _add(element, "updated", entry.updated.isoformat())
    more = len(entry.lines) - LINES
    lines = [one_line(each, 400) for each in entry.lines[:LINES]]
    items = map(escape, lines + [f"and {more} more"] * (more > 0))
    # Readers may take line breaks of plain text for blanks.
    content = ET.SubElement(element, f"{{{ATOM}}}content", type="html")
    content.text = f"<ul>{''.join(f'<li>{each}</li>' for each in items)}</ul>"
    return element


def _entries(before: str | bytes | None) -> list[ET.Element]:
    try:
        return ET.fromstring(before or "<feed/>").findall(f"{{{ATOM}}}entry")  # noqa: S314 - ours
    except ET.ParseError:
        return []


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, f"{{{ATOM}}}{name}").text = text


def _id(name: str) -> str:
    return uuid5(NAMESPACE_URL, f"certify:{name}").urn
