"""Manifests and indexes of registries: their kinds, their digests, and those of a platform."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from certify.model.platform import normalize_platform

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
CONFIGURATIONS = "oci.image.config.v1+json", "docker.container.image.v1+json"
ANY = ", ".join(
    (MANIFEST, INDEX, "application/vnd.docker.distribution.manifest.v2+json", DOCKER_INDEX)
)
"""The header ``Accept`` for manifests and indexes of every kind."""

Descriptor = dict[str, Any]
"""A descriptor of the OCI Image Specification: ``mediaType``, ``digest``, ``size`` and more."""

DIGEST = re.compile(r"sha(256:[0-9a-f]{64}|384:[0-9a-f]{96}|512:[0-9a-f]{128})")


def check_digest(content: bytes, digest: str) -> None:
    """Raise ValueError if the content has another digest, or the digest is none."""
    algorithm, _, digits = digest.partition(":")
    if not DIGEST.fullmatch(digest) or hashlib.new(algorithm, content).hexdigest() != digits:
        raise ValueError("its content does not match the digest")


def is_index(manifest: Descriptor) -> bool:
    """Return True for an index, by its media type or by what it holds."""
    return manifest.get("mediaType") in (INDEX, DOCKER_INDEX) or "manifests" in manifest


def digests_of_platform(entries: list[Descriptor], platform: str) -> list[str]:
    """Return the digests of all entries for a platform."""
    for wanted in (platform, "/".join(platform.split("/")[:2])):
        found = {entry["digest"] for entry in entries if platform_of(entry) == wanted}
        if found:
            return sorted(each for each in found if DIGEST.fullmatch(each))
    return []


def platform_of(entry: Descriptor) -> str:
    """Return the platform that an entry of an index names; an empty text if it names none."""
    named = entry.get("platform") or {}
    parts = (named.get("os"), named.get("architecture"), named.get("variant"))
    return normalize_platform("/".join(str(part) for part in parts if part))
