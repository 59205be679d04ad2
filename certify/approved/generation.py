"""Publications that are whole: a reader sees the old list with all that belongs to it, or the new.

Each publication lies in a folder of its own, ``approved/NUMBER/``. ``approved/current`` is a
symbolic link to the newest, and every public name beside it (``approved-images.json``,
``policies``) one that leads through ``current``. So one renaming, that of ``current``, changes all
of them at once; whoever is killed before it has changed nothing.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from certify.model.errors import BadPublication
from certify.util.files import locked, write_atomically

FOLDER = "approved"
CURRENT = "current"
KEPT = 3
"""So many publications are kept, for whoever is still reading an older one."""


def publishing(reports: Path) -> AbstractContextManager[None]:
    """Let one publisher at a time at the reports; another one waits. Raises OSError."""
    return locked(reports / FOLDER)


def published(reports: Path, name: str) -> bytes | None:
    """What a file of the current publication holds, if there is one. Raises OSError."""
    try:
        return (reports / FOLDER / CURRENT / name).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def published_below(reports: Path, folder: str) -> dict[str, bytes]:
    """Name and content of every file in a folder of the current publication. Raises OSError."""
    files = (reports / FOLDER / CURRENT / folder).glob("*")
    return {f"{folder}/{each.name}": each.read_bytes() for each in files if each.is_file()}


def publish(reports: Path, number: int, files: Mapping[str, str | bytes]) -> None:
    """Make files, by their names below the reports, the current publication.

    What an earlier publication had and this one has not is gone from the reports.
    Raises :class:`BadPublication` if something else lies where they belong, and OSError.
    """
    public = sorted({Path(name).parts[0] for name in files})
    for name in public:
        _check_ours(reports / name)
    folder = reports / FOLDER
    target = folder / str(number)
    shutil.rmtree(target, ignore_errors=True)  # of one that was killed
    for name, content in files.items():
        _take_over(folder / CURRENT / name, target / name)
        write_atomically(target / name, content)
    for name in public:
        _link(reports / name, f"{FOLDER}/{CURRENT}/{name}")
    _link(folder / CURRENT, str(number))
    for link in reports.iterdir():
        if _is_ours(link) and link.name not in public:
            link.unlink()
    _forget(folder, number)


def _take_over(old: Path, new: Path) -> None:
    """Begin with the file of the publication before, of which most stay as they are."""
    new.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):  # there is none, or the file system knows no such links
        os.link(old, new)


def _is_ours(path: Path) -> bool:
    return path.is_symlink() and str(path.readlink()).startswith(f"{FOLDER}/{CURRENT}/")


def _check_ours(path: Path) -> None:
    if os.path.lexists(path) and not _is_ours(path):
        raise BadPublication(
            f"{path} was not published by certify, and is not overwritten",
            remedy="Move it away, or publish to another folder with --reports.",
        )


def _link(path: Path, to: str) -> None:
    """Make ``path`` a symbolic link, in place of the one it was, at one moment."""
    if path.is_symlink() and str(path.readlink()) == to:
        return
    temporary = path.with_name(f".certify-{secrets.token_hex(8)}.tmp")
    temporary.symlink_to(to)
    try:
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _forget(folder: Path, newest: int) -> None:
    numbers = sorted(int(each.name) for each in folder.iterdir() if each.name.isdigit())
    for number in [each for each in numbers if each != newest][: 1 - KEPT]:
        shutil.rmtree(folder / str(number), ignore_errors=True)
