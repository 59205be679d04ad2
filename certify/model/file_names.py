"""What the files about a result are called: the same for one reference, profile and platform."""

from __future__ import annotations

from certify.model.result import Result
from certify.util.text import file_name


def certificate_stem(result: Result) -> str:
    """The name of a result's files, without a suffix."""
    return stem(result.image.reference, result.profile, result.image.platform)


def stem(reference: str, profile: str, platform: str | None) -> str:
    """The same, of a result whose platform may not be known."""
    return file_name(" ".join(filter(None, (reference, profile, platform))))
