"""Reports to the author of a check that broke: the line, the cause and the fixtures."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from certify.suite.catalogue import suite_directory


def is_own(item: pytest.Item) -> bool:
    """Return True if a check comes from a folder of the user's own."""
    return not item.path.is_relative_to(suite_directory())


def explain(item: pytest.Item, error: pytest.ExceptionInfo[BaseException]) -> tuple[str, str]:
    """Return the file, line and cause of an error in a user's own check, and the remedy."""
    path, line = item.path, (item.location[1] or 0) + 1
    for entry in error.traceback:  # the innermost line in the user's folder is the last one
        if Path(entry.path).is_relative_to(item.path.parent):
            path, line = Path(entry.path), entry.lineno + 1
    cause = f"{error.typename}: {str(error.value).strip()}"
    remedy = "Correct your check"
    if isinstance(error.value, pytest.FixtureLookupError):
        cause = f"there is no fixture {error.value.argname!r}"
        remedy += f"; it can use the fixtures {', '.join(_fixtures(item, error.value))}"
    name = os.path.relpath(path)
    shown = str(path) if name.startswith("..") else name
    return f"{shown}:{line}: {cause}", f"{remedy} (`certify help writing-checks.md`)."


def _fixtures(item: pytest.Item, error: pytest.FixtureLookupError) -> list[str]:
    """Return the names of certify's fixtures and the user's own, but not those of pytest."""
    listed = re.search(r"available fixtures: (.*)", error.formatrepr().errorstring)
    names = listed[1].split(", ") if listed else []
    found = {name: item.session._fixturemanager.getfixturedefs(name, item) for name in names}
    return [
        name
        for name, definitions in found.items()
        if definitions and not definitions[-1].func.__module__.startswith("_pytest")
    ]
