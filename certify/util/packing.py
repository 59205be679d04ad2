"""Compressed text that a column or a field of text can keep."""

from __future__ import annotations

import base64
import zlib


def pack(text: str, level: int = -1) -> str:
    """Return a text compressed, in base64."""
    return base64.b64encode(zlib.compress(text.encode(), level)).decode()


def unpack(packed: str, most: int) -> str:
    """Return the text that was packed.

    Raises ValueError for what nobody packed, and for what would have more than ``most`` bytes: it
    is damaged, or meant to fill the memory of whoever reads it.
    """
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(base64.b64decode(packed, validate=True), most + 1)
    except zlib.error as error:
        raise ValueError(f"it cannot be unpacked: {error}") from error
    if not unpacker.eof or len(raw) > most:
        raise ValueError("it is cut off, or too large")
    return raw.decode()
