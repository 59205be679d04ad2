"""Files of a container, read through the engine: nothing in the image is needed, or trusted."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import PurePosixPath

from docker.api.client import APIClient

from certify.engine.client import APIError, answering


def read_file(api: APIClient, container: str, path: str, limit: int) -> bytes | None:
    """A file's first ``limit`` bytes through the engine, needing nothing in the image.

    Follows links within the image; null if there is no such file.
    """
    for _ in range(20):
        try:
            with answering():
                stream, stat = api.get_archive(container, path)
                head = _first_bytes(stream, limit + 8 * 512)
        except APIError:
            return None
        try:
            with tarfile.open(fileobj=io.BytesIO(head), mode="r:") as archive:
                member = archive.next()
                if member is not None and member.issym():
                    # The engine knows better: a folder on the way may be a link as well.
                    target = (stat or {}).get("linkTarget")
                    path = str(target or PurePosixPath(path).parent / member.linkname)
                    continue
        except tarfile.TarError:
            return None
        return _content(head, member, limit) if member is not None and member.isfile() else None
    return None


def _content(head: bytes, member: tarfile.TarInfo, limit: int) -> bytes | None:
    """The member's first bytes, cut from an archive that was cut itself; null if they are not in.

    Not by ``extractfile``: that reads ahead, and fails where the archive was cut.
    """
    size = min(limit, member.size)
    content = head[member.offset_data : member.offset_data + size]
    return content if len(content) == size else None


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
