"""Images in files: folders and archives in OCI's layout, and what ``docker save`` writes.

An archive is believed in nothing: every digest that it names is computed anew, and an image is made
of what was found. So the image has the identity under which a push will bring it to a registry.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from certify.engine.archive_documents import (
    INDEXES,
    OCI_MANIFEST,
    Config,
    Descriptor,
    Index,
    Manifest,
    blob_name,
    digest_of,
    parse,
    parse_saved,
)
from certify.engine.archive_files import (
    Files,
    Folder,
    Tar,
    damage_reported,
    plain_tar,
    read_bounded,
    too_large,
)
from certify.model.errors import BadArchive
from certify.model.platform import normalize_platform
from certify.model.reference import quote

OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
_DEPTH, _CHUNK = 3, 1024**2
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_LAYERS = {b"\x1f\x8b": f"{_LAYER}+gzip", b"\x28\xb5": f"{_LAYER}+zstd"}
_NAMED_FOR_DIGEST = re.compile(r"(?:.*/)?([0-9a-f]{64})(?:\.json)?")


@dataclass(frozen=True)
class Blob:
    """A file of an image, by its digest, which was computed."""

    digest: str
    size: int
    name: str
    """The file in the archive."""
    magic: bytes = b""


@dataclass(frozen=True)
class ArchivedImage:
    """One image of an archive, for one platform, verified."""

    files: Files
    platform: str
    config: bytes
    diff_ids: tuple[str, ...]
    layers: tuple[Blob, ...]
    manifest: bytes
    media_type: str
    manifest_digest: str | None
    """The digest of the archive's own manifest; None if it had none and one was made."""

    @property
    def config_digest(self) -> str:
        """The digest of the configuration: the image ID of most engines."""
        return digest_of(self.config)


@dataclass(frozen=True)
class _Candidate:
    names: tuple[str, ...]
    config: bytes
    facts: Config
    manifest: bytes | None = None
    layers: Sequence[Descriptor | str] = ()
    media_type: str = OCI_MANIFEST


@dataclass
class Archive:
    """An archive that was opened; :meth:`image` reads and verifies all of one image."""

    files: Files
    limit: int
    """The most bytes that the layers of an image may have."""
    kind: str
    name: str = ""
    """The name of the image that is meant; empty if there must be but one."""
    _digests: dict[str, Blob] = field(default_factory=dict)

    def image(self, platform: str | None, native: str) -> ArchivedImage:
        """Return the image for a platform, by default the engine's own, with verified digests.

        Raises :class:`BadArchive`.
        """
        self._digests.clear()
        with damage_reported():
            chosen = self._choose(list(self._candidates()), platform, native)
            layers = tuple(self._layer(each) for each in chosen.layers)
            diff_ids = chosen.facts.rootfs.diff_ids
            if len(layers) != len(diff_ids):
                raise BadArchive(
                    f"its configuration names {len(diff_ids)} layers, its manifest {len(layers)}"
                )
            for layer, expected in zip(layers, diff_ids, strict=True):
                if layer.magic not in _LAYERS and layer.digest != expected:
                    raise _lies(layer.name, expected)
        manifest = chosen.manifest or _manifest_of(chosen.config, layers)
        return ArchivedImage(
            self.files, chosen.facts.platform, chosen.config, tuple(diff_ids), layers, manifest,
            chosen.media_type, digest_of(chosen.manifest) if chosen.manifest else None,
        )  # fmt: skip

    def platforms(self) -> tuple[str, ...]:
        """Return the platforms of the image that is meant. Raises :class:`BadArchive`."""
        with damage_reported():
            named = [
                each for each in self._candidates() if not self.name or self.name in each.names
            ]
        return tuple(dict.fromkeys(each.facts.platform for each in named))

    def _candidates(self) -> Iterator[_Candidate]:
        there = self.files.names()
        oci = {"oci": True, "oci-archive": True, "docker-archive": False}
        if oci.get(self.kind, "index.json" in there):
            index = parse(Index, read_bounded(self.files, "index.json"), "index.json")
            yield from self._of_index(index, (), _DEPTH)
            return
        saved = read_bounded(self.files, "manifest.json")
        for each in parse_saved(saved):
            config = read_bounded(self.files, each.config)
            named = _NAMED_FOR_DIGEST.fullmatch(each.config)
            if named and digest_of(config) != f"sha256:{named[1]}":
                raise _lies(each.config, f"sha256:{named[1]}")
            facts = parse(Config, config, each.config)
            yield _Candidate(tuple(each.names or ()), config, facts, layers=each.layers or ())

    def _of_index(self, index: Index, names: tuple[str, ...], depth: int) -> Iterator[_Candidate]:
        for each in index.manifests:
            notes = each.annotations or {}
            if "vnd.docker.reference.type" in notes:
                continue  # an attestation
            named, file = each.names or names, blob_name(each.digest)
            if each.media_type in INDEXES:
                if not depth:
                    raise BadArchive("its indexes lie too deep in each other")
                inner = parse(Index, self._small(each), file)
                yield from self._of_index(inner, named, depth - 1)
                continue
            data = self._small(each)
            manifest = parse(Manifest, data, file)
            config = self._small(manifest.config)
            facts = parse(Config, config, blob_name(manifest.config.digest))
            yield _Candidate(named, config, facts, data, manifest.layers, manifest.media_type)

    def _choose(self, found: list[_Candidate], platform: str | None, native: str) -> _Candidate:
        """Return the only image of a name and platform. Raises :class:`BadArchive`."""
        by_name = {name: None for each in found for name in each.names}
        if self.name:
            found = [each for each in found if self.name in each.names]
            if not found:
                raise BadArchive(f"it holds no image {quote(self.name)}, only: {_some(by_name)}")
        if not found:
            raise BadArchive("it holds no image")
        platforms = dict.fromkeys(each.facts.platform for each in found)
        wanted = normalize_platform(platform or native)
        fitting = [each for each in found if each.facts.platform == wanted]
        if not fitting:
            raise BadArchive(
                f"it holds nothing for {wanted}, only for {_some(platforms)};"
                " --platform chooses another"
            )
        if len({(each.config, each.manifest) for each in fitting}) > 1:
            raise BadArchive(f"it holds several images: {_some(by_name)}; add :NAME to choose one")
        return fitting[0]

    def _small(self, descriptor: Descriptor) -> bytes:
        name = blob_name(descriptor.digest)
        data = read_bounded(self.files, name)
        if digest_of(data) != descriptor.digest or len(data) != descriptor.size:
            raise _lies(name, descriptor.digest)
        return data

    def _layer(self, named: Descriptor | str) -> Blob:
        """Return a layer with the digest that it really has, which must be the one it claims."""
        name = named if isinstance(named, str) else blob_name(named.digest)
        blob = self._digests.get(name) or self._read(name)
        self._digests[name] = blob
        claimed = _NAMED_FOR_DIGEST.fullmatch(name) if "blobs/" in name else None
        if claimed and blob.digest != f"sha256:{claimed[1]}":
            raise _lies(name, f"sha256:{claimed[1]}")
        if isinstance(named, Descriptor) and blob.size != named.size:
            raise BadArchive(f"{quote(name, 90)} has {blob.size:,} bytes, not {named.size:,}")
        return blob

    def _read(self, name: str) -> Blob:
        computed, size, magic = hashlib.sha256(), 0, b""
        before = sum(each.size for each in self._digests.values())
        with self.files.open(name) as file:
            while chunk := file.read(_CHUNK):
                magic = magic or chunk[:2]
                computed.update(chunk)
                size += len(chunk)
                if before + size > self.limit:
                    raise too_large(self.limit)
        return Blob(f"sha256:{computed.hexdigest()}", size, name, magic)


@contextmanager
def open_archive(text: str, limit: int) -> Iterator[Archive]:
    """Open ``KIND:PATH[:NAME]``, or standard input as ``-``; it stays open for the block.

    Raises :class:`BadArchive`, and every such error in the block gets the name of the archive.
    """
    kind, _, rest = ("", "", "") if text == "-" else text.partition(":")
    path, name = (Path(rest), "")
    if not path.exists() and ":" in rest:
        first, _, name = rest.partition(":")
        path = Path(first)
    title = "standard input" if text == "-" else str(path)
    try:
        with ExitStack() as stack:
            if path.is_dir() and text != "-":
                if kind != "oci":
                    raise BadArchive(f"it is a folder, which oci:{path} names")
                yield Archive(Folder(path), limit, kind, name)
                return
            if kind == "oci":
                reason = "it is no folder; oci-archive: names a file" if path.exists() else _GONE
                raise BadArchive(reason)
            file = _standard_input() if text == "-" else stack.enter_context(_opened(path))
            plain = stack.enter_context(plain_tar(file, limit))
            yield Archive(Tar(plain), limit, kind, name)
    except BadArchive as error:
        raise BadArchive(f"{title}: {error.message}", remedy=_REMEDY) from error


_GONE = "there is nothing of that name"
_REMEDY = "`docker save`, `docker buildx build --output type=oci` and `skopeo copy` write archives."


def _standard_input() -> BinaryIO:
    if sys.stdin is None or sys.stdin.isatty():
        raise BadArchive("no archive comes from it; pipe one in: `docker save IMAGE | certify -`")
    return sys.stdin.buffer


def _opened(path: Path) -> BinaryIO:
    if not path.is_file():
        there = "it is no ordinary file; `certify run -` reads a pipe"
        raise BadArchive(there if path.exists() else _GONE)
    try:
        return path.open("rb")
    except OSError as error:
        raise BadArchive(f"it cannot be read: {error.strerror}") from error


def _lies(name: str, digest: str) -> BadArchive:
    return BadArchive(f"{quote(name, 90)} does not have the digest {digest} that it should have")


def _some(names: Any) -> str:
    shown = [quote(each) for each in list(names)[:6]]
    return ", ".join(shown) + (", …" if len(names) > 6 else "") if shown else "images without names"


def _manifest_of(config: bytes, layers: Sequence[Blob]) -> bytes:
    described = [
        {"mediaType": _LAYERS.get(each.magic, _LAYER), "digest": each.digest, "size": each.size}
        for each in layers
    ]
    configured = {"mediaType": OCI_CONFIG, "digest": digest_of(config), "size": len(config)}
    manifest = {
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": configured, "layers": described,
    }  # fmt: skip
    return json.dumps(manifest, separators=(",", ":")).encode()
