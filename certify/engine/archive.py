"""Files of a container, read through the engine: nothing in the image is needed, or trusted."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from docker.api.client import APIClient
from docker.errors import NotFound

from certify.engine.client import APIError, answering, untold
from certify.model.errors import EngineUnavailable

# What the image's own links and names come to; a mount that fails may speak of links as well.
_NO_WAY = re.compile(
    r"(?:l?stat|evalSymlinksInScope:?) .*(?:too many links|not a directory|file name too long)"
)
_SOCKET = 1 << 24  # ModeSocket of Go's io/fs; an archive cannot hold one


def read_file(api: APIClient, container: str, path: str, limit: int) -> bytes | None:
    """A file's first ``limit`` bytes through the engine, needing nothing in the image.

    Follows links within the image; null if there is no such file. Raises
    :class:`EngineUnavailable` where the engine fails to read one.
    """
    for _ in range(20):
        try:
            with answering():
                stream, stat = api.get_archive(container, path)
                head = _first_bytes(stream, limit + 8 * 512)
        except NotFound:
            return None
        except APIError as error:
            if _NO_WAY.match(str(error.explanation or error)):
                return None
            raise untold(f"what is in {path}", error) from error
        try:
            with tarfile.open(fileobj=io.BytesIO(head), mode="r:") as archive:
                member = archive.next()
                if member is not None and member.issym():
                    # The engine knows better: a folder on the way may be a link as well.
                    target = (stat or {}).get("linkTarget")
                    path = str(target or PurePosixPath(path).parent / member.linkname)
                    continue
        except tarfile.TarError:
            member = None
        return _content(head, member, stat, path, limit)
    return None


def _content(
    head: bytes, member: tarfile.TarInfo | None, stat: Any, path: str, limit: int
) -> bytes | None:
    """The member's first bytes, cut from an archive that was cut itself; null if it is no file.

    Not by ``extractfile``: that reads ahead, and fails where the archive was cut.
    """
    if (member is not None and not member.isfile()) or (stat or {}).get("mode", 0) & _SOCKET:
        return None
    if member is not None:
        size = min(limit, member.size)
        content = head[member.offset_data : member.offset_data + size]
        if len(content) == size:
            return content
    raise EngineUnavailable(  # for the file is there
        f"The container engine broke off while it read {path}.",
        remedy="See the engine's own log, and whether its disk is sound.",
    )


def _first_bytes(stream: Iterator[bytes], limit: int) -> bytes:
    """At most so many bytes of a stream that may be endless; the rest is never read."""
    head = bytearray()
    for piece in stream:
        head += piece
        if len(head) >= limit:
            break
    close = getattr(stream, "close", None)
    if close is not None:
        close()
    return bytes(head[:limit])
