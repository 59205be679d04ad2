"""The last answer of each web server's list, kept so that an unchanged one is not sent again.

The files are in ``$XDG_CACHE_HOME/certify/lists`` (by default below ``~/.cache``), one for a URL,
named by its hash, because a URL may contain a password. What is kept is no more believed than what
a server sends. A cache that cannot be used, for whatever reason, is none.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import BinaryIO

from certify.util.files import cache_folder

MOST = 20
"""The most files that are kept: of lists in use, and of URLs that nobody asks for any more."""
_LONGEST_HEAD = 4096
"""The most bytes of a file's first line, which has the checksum and the validators."""
_OTHERS_MAY_WRITE = 0o022


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that is kept, without its content, which may be large."""

    path: Path
    head: bytes
    validators: Mapping[str, str]
    """Header fields that ask the server for an answer only if it would be another one."""
    checksum: int

    def content(self) -> bytes | None:
        """Return the content; None if it is damaged, or was replaced meanwhile."""
        with contextlib.suppress(OSError), _open(self.path) as file:
            same = file.readline(_LONGEST_HEAD) == self.head
            if same and zlib.crc32(content := file.read()) == self.checksum:
                return content
        return None


def find(url: str) -> Kept | None:
    """Return what is kept of a URL; None if there is nothing, or nothing usable."""
    with contextlib.suppress(OSError, ValueError, RuntimeError, LookupError, TypeError):
        path = _path(url)
        with _open(path) as file:
            head = file.readline(_LONGEST_HEAD)
        found = json.loads(head)
        validators = {name: str(found["validators"][name]) for name in found["validators"]}
        if validators:
            return Kept(path, head, validators, int(found["checksum"]))
    return None


def keep(url: str, headers: Mapping[str, str], content: bytes) -> None:
    """Keep an answer in place of the last one; nothing if it has no validator."""
    validators = _validators(headers)
    checksum = zlib.crc32(content)
    head = json.dumps({"validators": validators, "checksum": checksum}).encode() + b"\n"
    if not validators or len(head) > _LONGEST_HEAD:
        forget(url)
        return
    with contextlib.suppress(OSError, RuntimeError):
        path = _path(url)
        path.parent.mkdir(0o700, parents=True, exist_ok=True)
        if not _is_ours(path.parent.lstat()):
            return
        # One name, so that a process that was killed leaves no more than the next one removes. If
        # two write at once, the checksum finds what is not whole.
        temporary = path.with_suffix(".tmp")
        temporary.unlink(missing_ok=True)
        with open(temporary, "xb", opener=_private) as file:
            file.write(head)
            file.write(content)
        temporary.replace(path)
        by_age = sorted(path.parent.iterdir(), key=lambda each: each.lstat().st_mtime)
        for old in by_age[:-MOST]:
            old.unlink(missing_ok=True)


def forget(url: str) -> None:
    """Remove what is kept of a URL."""
    with contextlib.suppress(OSError, RuntimeError):
        _path(url).unlink(missing_ok=True)


def _path(url: str) -> Path:
    """Return the path of a URL's file. Raises ``RuntimeError`` for a user without a home."""
    return cache_folder() / "lists" / hashlib.sha256(url.encode()).hexdigest()


def _validators(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the conditions for the next request, from the header of an answer.

    A time of change counts only in an answer that was given later: within the same second, the
    content may have changed again.
    """
    if "no-store" in headers.get("Cache-Control", "").lower():
        return {}
    found = {}
    if tag := headers.get("ETag"):
        found["If-None-Match"] = tag
    if changed := headers.get("Last-Modified"):
        with contextlib.suppress(ValueError, TypeError):
            if parsedate_to_datetime(changed) < parsedate_to_datetime(headers.get("Date", "")):
                found["If-Modified-Since"] = changed
    return found


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _is_ours(found: os.stat_result) -> bool:
    return found.st_uid == os.geteuid() and not found.st_mode & _OTHERS_MAY_WRITE


def _open(path: Path) -> BinaryIO:
    """Open a file to read. Raises OSError, also if others could have written it."""
    if not _is_ours(path.parent.lstat()):
        raise PermissionError(path.parent)
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    found = os.fstat(descriptor)
    if not (stat.S_ISREG(found.st_mode) and _is_ours(found)):
        os.close(descriptor)
        raise PermissionError(path)
    return open(descriptor, "rb")  # noqa: PTH123
