"""Loading an image of a file into the engine, under a mark alone, and removing it afterwards."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

from certify.engine.archive import Archive, ArchivedImage
from certify.engine.archive_documents import blob_name, digest_of
from certify.engine.client import Engine
from certify.engine.connection import READ_TIMEOUTS
from certify.engine.errors import APIError, diagnosed, explanation, stream_error, translate_errors
from certify.engine.image_marks import add_mark, inspect, mark_of, remove_names
from certify.engine.images import facts_of, marks
from certify.model.errors import ImageUnavailable
from certify.model.reference import Reference
from certify.model.result import Image
from certify.model.terms import Fault

_CHUNK = 1024**2


@dataclass
class LoadedImage:
    """An image of a file on the engine, for as long as the block lasts.

    One that was there before stays, and no name of a user's is ever given or moved.
    """

    engine: Engine
    archived: ArchivedImage
    reference: Reference
    _marked: str = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._marked:
            self.engine.settle()  # its container may still be in removal
            remove_names(self.engine, [self._marked])

    def find(self) -> Image:
        """Load the image unless it is there. Raises :class:`~certify.model.errors.Trouble`."""
        archived, engine = self.archived, self.engine
        found = self._there()
        mark = mark_of(archived.config_digest)
        if not found:
            self._marked = mark  # before the load, which an interrupt may end
            self._load(mark)
            found = inspect(engine, mark)
        elif marks(found):  # another process brought it, and may be about to remove it
            self._marked = mark_of(found["Id"])
            add_mark(engine, found["Id"])
        layers = (found.get("RootFS") or {}).get("Layers") or []
        if layers != list(archived.diff_ids):
            raise _failure(self.reference, "the engine made another image of it")
        image = facts_of(self.reference, found, None)
        return image.model_copy(update={"manifest_digest": archived.manifest_digest})

    def _there(self) -> dict[str, Any]:
        """Return what the engine says of the image if it has it: by configuration or manifest."""
        archived = self.archived
        ids = archived.config_digest, digest_of(archived.manifest)
        return next(filter(None, (inspect(self.engine, each) for each in ids)), {})

    def _load(self, name: str) -> None:
        stream = docker_archive(self.archived, name)
        with translate_errors():
            try:
                for step in self.engine.client.api.load_image(stream):  # type: ignore[no-untyped-call]
                    if message := stream_error(step) or step.get("message"):
                        raise _failure(self.reference, message)
            except APIError as error:
                raise _failure(self.reference, explanation(error)) from error
            except READ_TIMEOUTS as error:
                self.engine.ping()
                raise _failure(self.reference, "the engine is silent") from error


@contextmanager
def load_from(
    archive: Archive, engine: Engine, text: str, platform: str | None
) -> Iterator[LoadedImage]:
    """Read an image of an archive that was opened by ``text``; :meth:`LoadedImage.find` loads it.

    Raises :class:`~certify.model.errors.BadArchive`.
    """
    archived = archive.image(platform, engine.platform)
    reference = Reference.parse(archived.config_digest if text == "-" else text)
    with LoadedImage(engine, archived, reference) as loaded:
        yield loaded


def docker_archive(image: ArchivedImage, name: str) -> Iterator[bytes]:
    """Yield an archive of one image with one name, that engines with either store can load.

    It is OCI's layout and what ``docker save`` writes at once: each engine reads its own.
    """
    blobs = {each.digest: each for each in image.layers}
    manifest = {"mediaType": image.media_type, "digest": digest_of(image.manifest)}
    system, architecture, *variant = image.platform.split("/")
    described = manifest | {
        "size": len(image.manifest),
        "platform": {"os": system, "architecture": architecture}
        | ({"variant": variant[0]} if variant else {}),
        "annotations": {
            "io.containerd.image.name": f"docker.io/library/{name}",
            "org.opencontainers.image.ref.name": name.partition(":")[2],
        },
    }
    saved = {
        "Config": blob_name(image.config_digest),
        "RepoTags": [name],
        "Layers": [blob_name(each.digest) for each in image.layers],
    }
    yield from _member("oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())
    index = {"schemaVersion": 2, "manifests": [described]}
    yield from _member("index.json", json.dumps(index).encode())
    yield from _member("manifest.json", json.dumps([saved]).encode())
    yield from _member(blob_name(image.config_digest), image.config)
    yield from _member(blob_name(digest_of(image.manifest)), image.manifest)
    for digest, blob in blobs.items():
        yield _header(blob_name(digest), blob.size)
        sent = 0
        with image.files.open(blob.name) as file:
            while chunk := file.read(min(_CHUNK, blob.size - sent)):
                sent += len(chunk)
                yield chunk
        yield b"\0" * (blob.size - sent + -blob.size % tarfile.BLOCKSIZE)
    yield b"\0" * tarfile.BLOCKSIZE * 2


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(tarfile.GNU_FORMAT)


def _member(name: str, data: bytes) -> Iterator[bytes]:
    yield _header(name, len(data)) + data + b"\0" * (-len(data) % tarfile.BLOCKSIZE)


def _failure(reference: Reference, message: str) -> ImageUnavailable:
    return diagnosed(
        ImageUnavailable, f"{reference.familiar} could not be loaded", message, where="pull",
        remedy="`docker load` it by hand to see why.", fault=Fault.TOOL,
    )  # fmt: skip
