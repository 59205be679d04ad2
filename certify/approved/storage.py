"""Stores publications so that readers always see the files of one of them.

Each publication has a folder of its own, ``approved/NUMBER/``. ``approved/current`` is a symbolic
link to the newest one, and every public name (``approved-images.json``, ``policies``) is a
symbolic link through ``current``. Replacing ``current`` therefore changes all files at once; a
publisher that is killed before has changed nothing.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from itertools import chain
from pathlib import Path

from certify.model.errors import BadPublication
from certify.util.files import flush_tree, folder_lock, write_atomically

FOLDER = "approved"
CURRENT = "current"
KEPT = 3
"""The number of publications that stay, for readers that still use an older one."""


Content = str | bytes | Iterable[bytes]
"""The content of a file; one in parts is made when it is written."""


def lock_publication(reports: Path) -> AbstractContextManager[int]:
    """Return a lock that lets one publisher at a time work; others wait. Raises OSError."""
    return folder_lock(reports / FOLDER)


def read_published(reports: Path, name: str) -> bytes | None:
    """Return a file of the current publication, None if there is none. Raises OSError."""
    try:
        return (reports / FOLDER / CURRENT / name).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def read_published_folder(reports: Path, folder: str) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the files in a folder of the current publication.

    Raises OSError.
    """
    current = reports / FOLDER / CURRENT
    for each in (current / folder).rglob("*"):
        if each.is_file():
            yield str(each.relative_to(current)), each.read_bytes()


def folder_of(reports: Path, number: int) -> Path:
    """Return the folder in which the files of a publication stay."""
    return reports / FOLDER / str(number)


def store_publication(
    reports: Path,
    number: int,
    files: Mapping[str, Content],
    more: Iterable[tuple[str, bytes]] = (),
) -> None:
    """Make files, given by their names below ``reports``, the current publication.

    There may be so many ``more`` that only one at a time is in memory. Public names that only an
    earlier publication had are removed. Raises OSError, and :class:`BadPublication` if a file that
    certify did not publish has one of the names.
    """
    public = set[str]()
    folder, target = reports / FOLDER, folder_of(reports, number)
    shutil.rmtree(target, ignore_errors=True)  # left by a publisher that was killed
    try:
        for name, content in chain(files.items(), more):
            if (top := name.partition("/")[0]) not in public:
                _check_ours(reports / top)
                public.add(top)
            _link_previous(folder / CURRENT / name, target / name)
            write_atomically(target / name, content, durable=False)
        flush_tree(target)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    for name in sorted(public):
        _symlink(reports / name, f"{FOLDER}/{CURRENT}/{name}")
    _symlink(folder / CURRENT, str(number))
    for link in reports.iterdir():
        if _is_ours(link) and link.name not in public:
            link.unlink()
    _remove_old(folder, number)


def _link_previous(old: Path, new: Path) -> None:
    """Start with a hard link to the previous file, as most files do not change."""
    new.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):  # no such file, or no hard links on this file system
        os.link(old, new)


def _is_ours(path: Path) -> bool:
    return path.is_symlink() and str(path.readlink()).startswith(f"{FOLDER}/{CURRENT}/")


def _check_ours(path: Path) -> None:
    if os.path.lexists(path) and not _is_ours(path):
        raise BadPublication(
            f"{path} was not published by certify, and is not overwritten",
            remedy="Move it away, or publish to another folder with --reports.",
        )


def _symlink(path: Path, to: str) -> None:
    """Make ``path`` a symbolic link, replacing an old one atomically."""
    if path.is_symlink() and str(path.readlink()) == to:
        return
    temporary = path.with_name(f".certify-{secrets.token_hex(8)}.tmp")
    temporary.symlink_to(to)
    try:
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _remove_old(folder: Path, newest: int) -> None:
    numbers = sorted(int(each.name) for each in folder.iterdir() if each.name.isdigit())
    for number in [each for each in numbers if each != newest][: 1 - KEPT]:
        shutil.rmtree(folder / str(number), ignore_errors=True)
