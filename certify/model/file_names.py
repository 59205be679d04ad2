"""Names of the files about a result, unique per reference, profile and platform."""

from __future__ import annotations

from functools import lru_cache

from certify.model.result import Result
from certify.util.text import file_name


def certificate_stem(result: Result) -> str:
    """Return the name of a result's files, without a suffix."""
    return file_stem(result.image.reference, result.profile, result.image.platform)


@lru_cache(maxsize=1_000)
def file_stem(reference: str, profile: str, platform: str | None) -> str:
    """Return the name of files without a suffix; ``platform`` is None if it is unknown."""
    return file_name(" ".join(filter(None, (reference, profile, platform))))
