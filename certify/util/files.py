"""Files that are read and written whole."""

from __future__ import annotations

import contextlib
import fcntl
import filecmp
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

_BUFFER = 1 << 16


def read_text(
    path: Path, error: Callable[..., Exception], *, option: str = "", remedy: str = ""
) -> str:
    """Return the text of a file that a user named, without a byte order mark.

    Raises ``error``, with ``option`` before the file's name, if it cannot be read or is not UTF-8.
    """
    named = f"{option} {path}".lstrip()
    try:
        return path.read_text("utf-8-sig")
    except OSError as problem:
        raise error(f"{named}: {problem.strerror or problem}", remedy=remedy) from problem
    except UnicodeDecodeError as problem:
        raise error(f"{named}: this is not text in UTF-8: {problem}", remedy=remedy) from problem


def cache_folder() -> Path:
    """Return certify's folder by the XDG Base Directory Specification, for what can be had again.

    Raises ``RuntimeError`` for a user without a home folder.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "certify"


@contextlib.contextmanager
def folder_lock(folder: Path) -> Iterator[int]:
    """Lock a folder, creating it first; other processes wait for the lock. Raises OSError.

    Yields the descriptor of the lock: a process that has it, too, keeps the lock until it ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


def write_atomically(
    path: str | Path, content: str | bytes | Iterable[str | bytes], *, durable: bool = True
) -> None:
    """Write ``content`` (text as UTF-8), whole or in parts, to ``path`` and create its folders.

    The file is written under a temporary name in the same folder, flushed to disk, then renamed:
    readers never see half of it, and if writing fails, the old file stays and no other is left.
    A file that already has this content is not touched. Raises OSError.

    If ``durable`` is false, the file is not flushed, which is much faster, but a power failure may
    leave it empty. That is enough for files that can be written again.
    """
    target = os.fspath(path)
    parts = [_raw(content)] if isinstance(content, (str, bytes)) else map(_raw, content)
    if isinstance(parts, list) and _holds(target, parts[0]):
        return
    folder = os.path.dirname(target) or "."
    # A short name, because the target's may already be as long as the file system allows.
    temporary = f"{folder}/.certify-{os.urandom(8).hex()}.tmp"
    try:
        # Not by tempfile, whose files only their owner may read.
        with _create(temporary, folder) as file:
            file.writelines(parts)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        if not isinstance(parts, list) and _are_equal(temporary, target):
            os.unlink(temporary)
            return
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    if durable:
        _flush(folder)


def _create(name: str, folder: str) -> IO[bytes]:
    """Return a new file to write to; folders are made when one is missing."""
    try:
        return open(name, "xb", _BUFFER)
    except FileNotFoundError:
        os.makedirs(folder, exist_ok=True)
        return open(name, "xb", _BUFFER)


def _raw(content: str | bytes) -> bytes:
    return content.encode("utf-8") if isinstance(content, str) else content


def _are_equal(new: str, old: str) -> bool:
    with contextlib.suppress(OSError):
        return filecmp.cmp(new, old, shallow=False)
    return False


def _holds(name: str, raw: bytes) -> bool:
    try:
        if os.stat(name).st_size != len(raw):
            return False
        with open(name, "rb") as file:
            return file.read() == raw
    except OSError:
        return False


def flush_tree(folder: str | Path) -> None:
    """Flush everything below a folder to disk, after all of it was written. Raises OSError.

    That takes a sixth of the time of flushing each file as it is written.
    """
    for parent, _, names in os.walk(folder):
        for name in names:
            _flush(f"{parent}/{name}")
        _flush(parent)


def _flush(path: str) -> None:
    """Flush a file or a folder; unless its folder is, a power failure could undo a renaming."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
