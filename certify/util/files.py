"""Files that are whole or not there: a reader never sees half of one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path


def read_text(
    path: Path, error: Callable[..., Exception], *, option: str = "", remedy: str = ""
) -> str:
    """Return the text of a file that a user named; a byte order mark is dropped.

    Raises ``error``, with ``option`` before the file's name, if it cannot be read or is not UTF-8.
    """
    named = f"{option} {path}".lstrip()
    try:
        return path.read_text("utf-8-sig")
    except OSError as problem:
        raise error(f"{named}: {problem.strerror or problem}", remedy=remedy) from problem
    except UnicodeDecodeError as problem:
        raise error(f"{named}: this is not text in UTF-8: {problem}", remedy=remedy) from problem


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let one process at a time at a folder's files; another one waits. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def write_atomically(path: Path, content: str | bytes, *, durable: bool = True) -> None:
    """Put ``content`` (text as UTF-8) at ``path``, in place of what was there; makes folders.

    A file that holds just that already is left as it is.
    It is written under a temporary name beside the target, brought to disk, then renamed.
    Whatever goes wrong, the old file stays and nothing else is left. Raises OSError.

    Without ``durable`` it is not brought to disk at once: a reader still never sees half of it,
    but a power cut may leave it empty. That is much faster, for what can be made again.
    """
    raw = content.encode("utf-8") if isinstance(content, str) else content
    if _holds(path, raw):
        return
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
    # Short, since the target's name may already be as long as the file system allows.
    temporary = path.with_name(f".certify-{secrets.token_hex(8)}.tmp")
    try:
        # Not tempfile: that makes files which only their owner may read.
        with temporary.open("xb") as file:
            file.write(raw)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        _bring_names_to_disk(path.parent)


def _holds(path: Path, raw: bytes) -> bool:
    try:
        return path.stat().st_size == len(raw) and path.read_bytes() == raw
    except OSError:
        return False


def _bring_names_to_disk(folder: Path) -> None:
    """Without this a power cut could undo the renaming, though not tear the file."""
    descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
