"""The templates of the site, and how they are filled.

Templates escape all text from images; control characters and bidi controls, which could hide or
reorder text, are made visible before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from certify.model.result import Check
from certify.model.terms import Level, Outcome
from certify.publish.phrases import Mark, mark_of, waiver_text
from certify.util.text import one_line, printable

TEMPLATES = Path(__file__).parent / "templates"
CLASSES = {
    Mark.PASSED: "passed", Mark.FAILED: "failed", Mark.UNKNOWN: "unknown",
    Mark.SKIPPED: "skipped", Mark.NOTED: "noted",
}  # fmt: skip
"""The CSS class of a mark."""
_LINE = 600
_LONGEST = 20_000


def render(template: str, **values: Any) -> str:
    """Return a page as text."""
    return _environment().get_template(template).render(values)


def items(checks: Iterable[Check]) -> Markup:
    """Return an item of a list for each check.

    Most of them passed with nothing to tell, and read the same on the pages of many images: these
    are filled once.
    """
    found = [
        _item(each)
        if each.message or each.evidence or each.remedy or each.waiver
        else _brief_item(each.id, each.level, each.outcome, each.title, f"{each.seconds:.1f}")
        for each in checks
    ]
    return Markup("".join(found))  # noqa: S704 - the template has escaped them


def _item(check: Check) -> Markup:
    mark, template = mark_of(check), _environment().get_template("check.html.j2")
    found: Markup = template.module.item(check, mark, CLASSES[mark])  # type: ignore[attr-defined]
    return found


@lru_cache(maxsize=20_000)
def _brief_item(check_id: str, level: Level, outcome: Outcome, title: str, seconds: str) -> Markup:
    known = {"id": check_id, "level": level, "outcome": outcome, "title": title, "group": ""}
    return _item(Check.model_validate(known | {"seconds": float(seconds)}))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters: dict[str, Callable[[Any], object]] = {
        "day": lambda moment: f"{moment.astimezone(UTC):%Y-%m-%d}",
        "moment": lambda moment: f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        "stamp": lambda moment: int(moment.timestamp()),
        "line": lambda text: escape(one_line(str(text), _LINE)),
        "text": lambda text: escape(printable(text, limit=_LONGEST)),
        "waiver_text": waiver_text,
        "slug": _slug,
    }
    environment.filters |= filters
    return environment


@lru_cache(maxsize=1000)
def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _visible(value: object) -> object:
    """Make invisible characters of a value visible before a template writes it."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return printable(str(value))
