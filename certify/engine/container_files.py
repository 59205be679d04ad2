"""Reads files of a container through the engine, without running anything in it."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from docker.api.client import APIClient
from docker.errors import NotFound

from certify.engine.errors import APIError, explanation, query_failure, translate_errors
from certify.model.errors import EngineUnavailable

# Errors caused by links and names in the image. Anchored: a failed mount may mention links too.
_BROKEN_PATH = re.compile(
    r"(?:l?stat|evalSymlinksInScope:?) .*(?:too many links|not a directory|file name too long)"
)
_SOCKET = 1 << 24  # ModeSocket of Go's io/fs; an archive cannot hold a socket


def read_file(api: APIClient, container: str, path: str, limit: int) -> bytes | None:
    """Return the first ``limit`` bytes of a file, or None if there is no such file.

    Links are followed within the image. Raises :class:`EngineUnavailable` if the engine fails to
    read a file.
    """
    for _ in range(20):
        try:
            with translate_errors():
                stream, stat = api.get_archive(container, path)
                head = _first_bytes(stream, limit + 8 * 512)
        except NotFound:
            return None
        except APIError as error:
            if _BROKEN_PATH.match(explanation(error)):
                return None
            raise query_failure(f"the content of {path}", error) from error
        try:
            with tarfile.open(fileobj=io.BytesIO(head), mode="r:") as archive:
                member = archive.next()
                if member is not None and member.issym():
                    # The engine resolves folders of the path that are links, too.
                    target = (stat or {}).get("linkTarget")
                    path = str(target or PurePosixPath(path).parent / member.linkname)
                    continue
        except tarfile.TarError:
            member = None
        return _content(head, member, stat, path, limit)
    return None


def has_path(api: APIClient, container: str, path: str) -> bool:
    """Return True if the engine finds something at a path; it follows links within the image.

    Raises :class:`EngineUnavailable` if the engine does not answer.
    """
    url = f"{api.base_url}/v{api.api_version}/containers/{container}/archive"
    with translate_errors():
        return api.head(url, params={"path": path}, timeout=api.timeout).ok


def _content(
    head: bytes, member: tarfile.TarInfo | None, stat: Any, path: str, limit: int
) -> bytes | None:
    """Return the first bytes of a member of a truncated archive, or None if it is no file.

    ``extractfile`` is no help: it reads ahead, and fails at the end of a truncated archive.
    """
    if (member is not None and not member.isfile()) or (stat or {}).get("mode", 0) & _SOCKET:
        return None
    if member is not None:
        size = min(limit, member.size)
        content = head[member.offset_data : member.offset_data + size]
        if len(content) == size:
            return content
    raise EngineUnavailable(  # the file exists
        f"The container engine stopped in the middle of reading {path}.",
        remedy="See the engine's own log, and check its disk for errors.",
    )


def _first_bytes(stream: Iterator[bytes], limit: int) -> bytes:
    """Read at most so many bytes of a stream, which may be endless."""
    head = bytearray()
    for piece in stream:
        head += piece
        if len(head) >= limit:
            break
    close = getattr(stream, "close", None)
    if close is not None:
        close()
    return bytes(head[:limit])
