"""What a registry says of an image, by the distribution protocol."""

from __future__ import annotations

import contextlib
import ipaddress
import json
from collections.abc import Callable
from typing import Any

from dxf import DXF
from dxf.exceptions import DXFError
from requests.exceptions import RequestException

from certify.images.reference import DOCKER_HUB, Reference

Credentials = Callable[[str], tuple[str, str] | None]
"""Gives user and password for a registry's host, or null."""

_TIMEOUT = 5.0
_HUB_HOST = "registry-1.docker.io"  # where docker.io/… is served from
_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)


def manifest_digest(
    reference: Reference, digest: str, platform: str, credentials: Credentials
) -> str | None:
    """The digest of the manifest for one platform behind a digest of a repository.

    The same digest if that is a manifest itself; null if the registry does not say.
    """
    for insecure in _schemes(reference.registry):
        with contextlib.suppress(DXFError, RequestException, ValueError, KeyError, TypeError):
            return _for_platform(_fetch(reference, digest, credentials, insecure), digest, platform)
    return None


def _fetch(
    reference: Reference, digest: str, credentials: Credentials, insecure: bool
) -> dict[str, Any]:
    host = _HUB_HOST if reference.registry == DOCKER_HUB else reference.registry

    def authenticate(client: Any, response: Any) -> None:
        user, password = credentials(reference.registry) or (None, None)
        client.authenticate(user, password, actions=["pull"], response=response)

    with DXF(host, reference.repository, authenticate, insecure=insecure, timeout=_TIMEOUT) as dxf:
        text, _ = dxf.get_manifest_and_response(digest)
    found = json.loads(text)
    if not isinstance(found, dict):
        raise TypeError("a manifest is an object")
    return found


def _for_platform(manifest: dict[str, Any], digest: str, platform: str) -> str | None:
    """Pick the manifest of a platform out of an index; a plain manifest is its own."""
    if manifest.get("mediaType") not in _INDEXES and "manifests" not in manifest:
        return digest
    found = {_platform_of(entry): str(entry["digest"]) for entry in manifest["manifests"]}
    os_and_architecture = "/".join(platform.split("/")[:2])
    return found.get(platform) or found.get(os_and_architecture)


def _platform_of(entry: dict[str, Any]) -> str:
    named = entry.get("platform") or {}
    parts = (named.get("os"), named.get("architecture"), named.get("variant"))
    return "/".join(str(part) for part in parts if part)


def _schemes(registry: str) -> tuple[bool, ...]:
    """Whether to go without TLS: as Docker does, only on loopback, and there after trying it."""
    host = registry.rsplit(":", 1)[0].strip("[]")
    with contextlib.suppress(ValueError):
        return (True, False) if ipaddress.ip_address(host).is_loopback else (False,)
    return (True, False) if host == "localhost" else (False,)
