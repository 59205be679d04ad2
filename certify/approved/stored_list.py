"""The text of a list on its way into files: it may be larger than memory should hold."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryFile
from typing import Self

from certify.approved.render import list_json
from certify.model.approved import ApprovedList
from certify.model.errors import UsageError
from certify.signing.list_reader import LARGEST

_CHUNK = 1 << 20
_GZIP = 16 + zlib.MAX_WBITS
"""The window of zlib that stands for the format of gzip, without a moment in its head."""


class StoredList:
    """A list in a temporary file in a folder; a context manager that removes it."""

    def __init__(self, listed: ApprovedList, folder: Path) -> None:
        """Write it. Raises :class:`UsageError` if no gate would read it, and OSError."""
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115 - closed by the context manager
        hashed = sha256()
        for part in list_json(listed):
            raw = part.encode()
            hashed.update(raw)
            self._file.write(raw)
        self.digest = f"sha256:{hashed.hexdigest()}"
        if (size := self._file.tell()) > LARGEST:
            self._file.close()
            raise UsageError(
                f"the list would have {size >> 20} MiB, and `certify verify` reads at most"
                f" {LARGEST >> 20} MiB",
                remedy="Publish several lists: into a folder each, with a policy that names"
                " some of the registries.",
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def parts(self) -> Iterator[bytes]:
        """Yield the text as it is."""
        self._file.seek(0)
        while part := self._file.read(_CHUNK):
            yield part

    def compressed(self) -> Iterator[bytes]:
        """Yield the same as gzip does it."""
        packer = zlib.compressobj(wbits=_GZIP)
        for part in self.parts():
            yield packer.compress(part)
        yield packer.flush()
