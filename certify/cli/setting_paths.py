"""Paths in settings: they start at the file that names them, and ``~`` is the home folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click

PLACES = ("ledger", "profile", "checks", "approved")
"""Options that take a path or another text; those of click's type for paths are known as such."""
_SQLITE = re.compile(r"(sqlite(?:\+\w+)?:///)([^?]+)(.*)", re.DOTALL)


def is_place(key: str, parameter: click.Parameter, text: str) -> bool:
    """Return True for a path, and for the URL of an SQLite file."""
    if isinstance(parameter.type, click.Path):
        return True
    return (
        key in PLACES
        and ("://" not in text or (key == "ledger" and _SQLITE.fullmatch(text) is not None))
        and (key != "profile" or "/" in text or text.endswith(".toml"))
    )


def located(text: str, base: Path | None) -> str:
    """Return a path, or the URL of an SQLite file, for use in the working directory.

    It starts at ``base``; None stands for the working directory, where the paths of variables do.
    """
    found = _SQLITE.fullmatch(text)
    before, name, after = found.groups() if found else ("", text, "")
    if name == ":memory:" or (found and name.startswith("file:")):
        return text  # no file, and a URI of SQLite's own
    path = os.path.expanduser(name)  # noqa: PTH111 - pathlib fails for the home of nobody
    if base and not Path(path).is_absolute():
        path = os.path.relpath(base / path)
    return before + path + after
