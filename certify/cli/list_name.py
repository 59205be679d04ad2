"""Names of lists, by which a sweep finds the one before: the same wherever it is called."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from certify.cli.defaults import find
from certify.sweep.expand import Selection


def series_name(
    listing: Path, selection: Selection, newest: Callable[[Sequence[str]], str | None]
) -> str:
    """Return the name of the series of sweeps to compare with; a selection has its own series.

    ``newest`` returns which of several names the ledger had last, if any: older versions took a
    list's path as it was called, or as a schedule had it, and such a series goes on.
    """
    words = [f"--include {glob}" for glob in selection.include]
    words += [f"--exclude {glob}" for glob in selection.exclude]
    words += [f"--max-tags {selection.max_tags}"] if selection.max_tags else []

    def name(path: object) -> str:
        return " ".join([str(path), *words])

    path, top = path_and_top(listing)
    names = [name(path)]
    if _same_file(top / listing, listing):
        names.append(name(listing))
    return newest(names) or newest([name(_whole(listing))]) or names[0]


def path_and_top(path: Path) -> tuple[str, Path]:
    """Return a path as it is written in the folder where the settings are, and that folder.

    It is the nearest above the path itself. Without one, an absolute path stays so, and another
    starts where the settings of the working directory are, or at the working directory.
    """
    whole = _whole(path)
    if found := find(whole.parent):
        return os.path.relpath(whole, found[0].parent), found[0].parent
    here = find(Path.cwd())
    top = here[0].parent if here else Path.cwd()
    return str(path) if path.is_absolute() else os.path.relpath(whole, top), top


def _same_file(there: Path, path: Path) -> bool:
    """Return False if the same words lead to another file from there: that one has the name."""
    return _whole(there) == _whole(path) or not there.exists()


def _whole(path: Path) -> Path:
    return Path(os.path.normpath(path.absolute()))
