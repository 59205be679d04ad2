"""Images in files, made here byte by byte: OCI's layout and what ``docker save`` writes."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from certify.engine.archive import open_archive
from certify.engine.archive_load import LoadedImage, load_from
from certify.engine.client import Engine

OCI = "application/vnd.oci.image"
Files = dict[str, bytes]


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def blob(data: bytes) -> str:
    return f"blobs/{sha256(data).replace(':', '/')}"


def tar_of(files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return whole.getvalue()


def a_layer(text: str = "hello") -> bytes:
    return tar_of({"etc/motd": text.encode()})


def a_config(*layers: bytes, architecture: str = "amd64") -> bytes:
    facts = {
        "architecture": architecture, "os": "linux", "config": {"Cmd": ["/bin/sh"]},
        "rootfs": {"type": "layers", "diff_ids": [sha256(each) for each in layers]},
    }  # fmt: skip
    return json.dumps(facts).encode()


def saved(*images: tuple[str, bytes], layer: bytes) -> Files:
    """What ``docker save`` makes of images with a name and a configuration, and one layer."""
    entries = [
        {"Config": f"{sha256(config)[7:]}.json", "RepoTags": [name], "Layers": ["a/layer.tar"]}
        for name, config in images
    ]
    files = {f"{sha256(config)[7:]}.json": config for _, config in images}
    return {**files, "a/layer.tar": layer, "manifest.json": json.dumps(entries).encode()}


def descriptor(data: bytes, kind: str, **more: Any) -> dict[str, Any]:
    return {"mediaType": f"{OCI}.{kind}", "digest": sha256(data), "size": len(data)} | more


def oci(*images: tuple[str, bytes], layer: bytes, compress: bool = True) -> Files:
    """An OCI layout of images with a name and a configuration, and one layer."""
    stored = gzip.compress(layer, mtime=0) if compress else layer
    files: Files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', blob(stored): stored}
    described = []
    for name, config in images:
        parts = {
            "schemaVersion": 2, "mediaType": f"{OCI}.manifest.v1+json",
            "config": descriptor(config, "config.v1+json"),
            "layers": [descriptor(stored, "layer.v1.tar" + "+gzip" * compress)],
        }  # fmt: skip
        manifest = json.dumps(parts).encode()
        files |= {blob(config): config, blob(manifest): manifest}
        notes = {"org.opencontainers.image.ref.name": name} if name else {}
        described.append(descriptor(manifest, "manifest.v1+json", annotations=notes))
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": described}).encode()
    return files


def in_folder(files: Mapping[str, bytes], folder: Path) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


@contextmanager
def loaded_image(
    engine: Engine, text: str, platform: str | None, limit: int
) -> Iterator[LoadedImage]:
    """An image of an archive, on the engine once :meth:`LoadedImage.find` loads it."""
    with open_archive(text, limit) as archive, load_from(archive, engine, text, platform) as loaded:
        yield loaded
