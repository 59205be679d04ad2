"""Names of the files about a result, unique per reference, profile and platform."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Literal, get_args

from certify.model.result import Result
from certify.util.text import file_name

Layout = Literal["flat", "folders"]
"""The layout of the files about single images: side by side, or in 256 folders."""
LAYOUTS = get_args(Layout)


def certificate_stem(result: Result, layout: Layout = "flat") -> str:
    """Return the name of a result's files, without a suffix."""
    return file_stem(result.image.reference, result.profile, result.image.platform, layout)


@lru_cache(maxsize=1_000)
def file_stem(reference: str, profile: str, platform: str | None, layout: Layout = "flat") -> str:
    """Return the name of files without a suffix; ``platform`` is None if it is unknown.

    With folders, it begins with one: the first two digits of the SHA-256 of the name.
    """
    name = file_name(" ".join(filter(None, (reference, profile, platform))))
    if layout == "flat":
        return name
    return f"{hashlib.sha256(name.encode()).hexdigest()[:2]}/{name}"
