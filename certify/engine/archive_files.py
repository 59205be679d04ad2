"""The files of an archive of images, in a folder or a tar file that may mean harm.

Nothing is ever unpacked. What is read is bounded, every name must stay within the archive, and
everything that is wrong becomes one :class:`~certify.model.errors.BadArchive`.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import stat
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from certify.model.errors import BadArchive
from certify.model.reference import quote

JSON_LIMIT = 4 * 1024**2
"""The most bytes of an index, a manifest or a configuration; registries take no more either."""
_HEADER_LIMIT = 16 * 1024**2
_MEMBERS = 100_000
_LINKS = 8
_COMPRESSED: dict[bytes, Any] = {
    b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open
}  # fmt: skip
_ZSTD = b"\x28\xb5\x2f\xfd"
_BROKEN = (tarfile.TarError, ValueError, OverflowError, EOFError, zlib.error, lzma.LZMAError)


def read_bounded(files: Files, name: str, limit: int = JSON_LIMIT) -> bytes:
    """Return the whole of a small file. Raises :class:`BadArchive` if it is not small."""
    with files.open(name) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise BadArchive(f"{quote(name)} is larger than {limit // 1024**2} MiB, as none should be")
    return data


class Folder:
    """The files below a folder; links within it are followed to ordinary files."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> set[str]:
        """Return the names of all files at the top."""
        return {each.name for each in self._path.iterdir()}

    def open(self, name: str) -> BinaryIO:
        """Open a file. Raises :class:`BadArchive` if there is none of that name."""
        try:
            path = self._path / _inside(name)
            if not stat.S_ISREG(path.stat().st_mode):  # a pipe would keep its reader waiting
                raise BadArchive(f"{quote(name)} is no ordinary file")
            return path.open("rb")
        except FileNotFoundError:
            raise _missing(name) from None


class Tar:
    """The members of an uncompressed tar file."""

    def __init__(self, file: BinaryIO) -> None:
        self._members: dict[str, tarfile.TarInfo] = {}
        with damage_reported():
            self._tar = tarfile.TarFile(fileobj=cast("BinaryIO", _Cautious(file)))
            for count, member in enumerate(self._tar):
                if count == _MEMBERS:
                    raise BadArchive(f"it has more than {_MEMBERS:,} members")
                self._members[_inside(member.name)] = member

    def names(self) -> set[str]:
        """Return the names of all files at the top."""
        return {name for name in self._members if "/" not in name}

    def open(self, name: str) -> BinaryIO:
        """Open a file. Raises :class:`BadArchive` if there is none of that name."""
        at = _inside(name)
        for _ in range(_LINKS):
            member = self._members.get(at)
            if member is None:
                raise _missing(name)
            if member.issym():  # as older versions of `docker save` share layers
                at = _inside(f"{PurePosixPath(at).parent}/{member.linkname}")
            elif member.islnk():
                at = _inside(member.linkname)
            elif member.isreg() and not member.issparse():
                return cast("BinaryIO", self._tar.extractfile(member))
            else:
                raise BadArchive(f"{quote(name)} is no ordinary file")
        raise BadArchive(f"{quote(name)} is a link that leads to no file")


Files = Folder | Tar
"""The files of an archive by name."""


class _Cautious:
    """A file of which no header takes much memory, whatever length it claims."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _HEADER_LIMIT:
            raise tarfile.ReadError(f"a header claims {size:,} bytes")
        return self._file.read(size)


@contextlib.contextmanager
def damage_reported() -> Iterator[None]:
    """Raise :class:`BadArchive` for whatever a damaged file makes Python's libraries raise."""
    try:
        yield
    except (*_BROKEN, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's, not the file's
        said = str(error) or type(error).__name__
        raise BadArchive(f"it is damaged, cut off, or no archive: {quote(said, 100)}") from error


@contextlib.contextmanager
def plain_tar(file: BinaryIO, limit: int) -> Iterator[BinaryIO]:
    """Yield an uncompressed file to seek in, a temporary copy if the given one is neither.

    Raises :class:`BadArchive` if the copy would have more bytes than the limit.
    """
    with contextlib.ExitStack() as stack:
        if not file.seekable():
            file = stack.enter_context(_copy(file, limit))
        begin = file.read(6)
        file.seek(0)
        if begin.startswith(_ZSTD):
            raise BadArchive("it is compressed with zstd: unpack it with `zstd -d`")
        for magic, opened in _COMPRESSED.items():
            if begin.startswith(magic):
                with damage_reported():
                    unpacked = stack.enter_context(opened(file))
                    file = stack.enter_context(_copy(unpacked, limit))
        yield file


@contextlib.contextmanager
def _copy(source: BinaryIO, limit: int) -> Iterator[BinaryIO]:
    with tempfile.TemporaryFile(prefix="certify-") as copy:
        while chunk := source.read(1024**2):
            copy.write(chunk)
            if copy.tell() > limit:
                raise too_large(limit)
        copy.seek(0)
        yield cast("BinaryIO", copy)


def too_large(limit: int) -> BadArchive:
    """Return the error for an archive with more bytes than the limit of the disk."""
    return BadArchive(f"it holds more than {limit / 1024**3:.3g} GiB, the limit of --disk-limit")


def _inside(name: str) -> str:
    """Return a name in its simplest form. Raises :class:`BadArchive` if it leads elsewhere."""
    parts: list[str] = []
    for part in name.split("/"):
        if (part == ".." and not parts) or "\0" in part:
            raise BadArchive(f"the name {quote(name)} leads out of it")
        if part == "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    if name.startswith("/"):
        raise BadArchive(f"the name {quote(name)} leads out of it")
    return "/".join(parts)


def _missing(name: str) -> BadArchive:
    return BadArchive(f"it has no file {quote(name)}, which belongs to it")
