"""The documents of an archive of images: index, manifest, configuration, ``manifest.json``."""

from __future__ import annotations

import hashlib
from typing import Annotated, TypeVar

from pydantic import BaseModel, Field, StringConstraints, TypeAdapter, ValidationError

from certify.model.errors import BadArchive
from certify.model.platform import normalize_platform
from certify.model.reference import quote

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MOST = 1000
_NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")

T = TypeVar("T")
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


class Descriptor(BaseModel):
    """The digest and size of another document or layer."""

    media_type: str = Field("", alias="mediaType")
    digest: Digest
    size: int = Field(ge=0)
    annotations: dict[str, str] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names that the descriptor is annotated with."""
        notes = self.annotations or {}
        return tuple(notes[each] for each in _NAMES if each in notes)


class Index(BaseModel):
    """The images of a layout, or the platforms of an image."""

    manifests: list[Descriptor] = Field(max_length=_MOST)


class Manifest(BaseModel):
    """The parts of an image for one platform."""

    media_type: str = Field(OCI_MANIFEST, alias="mediaType")
    config: Descriptor
    layers: list[Descriptor] = Field(max_length=_MOST)


class _RootFs(BaseModel):
    diff_ids: list[Digest] = Field(max_length=_MOST)


class Config(BaseModel):
    """The configuration of an image, as far as it is read here."""

    os: str
    architecture: str
    variant: str = ""
    rootfs: _RootFs

    @property
    def platform(self) -> str:
        """The platform, in its normal form."""
        parts = filter(None, (self.os, self.architecture, self.variant))
        return normalize_platform("/".join(parts))


class Saved(BaseModel):
    """An image in the ``manifest.json`` of ``docker save``."""

    config: str = Field(alias="Config")
    names: list[str] | None = Field(None, alias="RepoTags")
    layers: list[str] | None = Field(None, alias="Layers", max_length=_MOST)


def digest_of(data: bytes) -> str:
    """Return the digest of some bytes, as registries write it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def blob_name(digest: str) -> str:
    """Return the name of a file in OCI's layout."""
    return f"blobs/{digest.replace(':', '/')}"


def parse(kind: type[T], data: bytes, name: str) -> T:
    """Parse a document. Raises :class:`BadArchive` with its name."""
    try:
        return TypeAdapter(kind).validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(each) for each in first["loc"])
        raise BadArchive(
            f"{quote(name, 90)} is not what it should be: {where and where + ': '}{first['msg']}"
        ) from None


def parse_saved(data: bytes) -> list[Saved]:
    """Parse ``manifest.json``. Raises :class:`BadArchive`."""
    found: list[Saved] = parse(list[Saved], data, "manifest.json")
    return found
