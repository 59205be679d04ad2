"""Images in files: what is read from good ones, and the one message about each bad one."""

from __future__ import annotations

import bz2
import gzip
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certify.engine.archive import ArchivedImage, open_archive
from certify.model.errors import BadArchive
from tests.support.archives import (
    Files,
    a_config,
    a_layer,
    blob,
    descriptor,
    in_folder,
    oci,
    saved,
    sha256,
    tar_of,
)

LAYER = a_layer()
CONFIG, ARM = a_config(LAYER), a_config(LAYER, architecture="arm64")
GZIPPED = gzip.compress(LAYER, mtime=0)
SAVED = saved(("app:1", CONFIG), layer=LAYER)
OCI = oci(("1", CONFIG), layer=LAYER)


def read(text: str, platform: str | None = None, limit: int = 10**7) -> ArchivedImage:
    with open_archive(text, limit) as archive:
        return archive.image(platform, "linux/amd64")


def refused(text: str, platform: str | None = None, limit: int = 10**7) -> str:
    with pytest.raises(BadArchive) as caught:
        read(text, platform, limit)
    assert caught.value.remedy
    return caught.value.message


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def packed(files: Files, name: str = "image.tar", links: dict[str, str] | None = None) -> str:
    Path(name).write_bytes(tar_of(files, links))
    return name


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
def test_what_docker_saves_has_the_digest_of_its_configuration(
    pack: Callable[[bytes], bytes],
) -> None:
    Path("image.tar").write_bytes(pack(tar_of(SAVED)))
    image = read("docker-archive:image.tar")
    assert (image.config_digest, image.platform) == (sha256(CONFIG), "linux/amd64")
    assert [each.digest for each in image.layers] == [sha256(LAYER)]
    assert image.manifest_digest is None, "it has none of its own"


def test_oci_layouts_have_the_digest_of_their_manifest(folder: Path) -> None:
    in_folder(OCI, folder / "layout")
    image = read("oci:./layout")
    assert image.config_digest == sha256(CONFIG)
    assert image.manifest_digest == sha256(image.manifest)
    assert image.layers[0].digest == sha256(GZIPPED)
    assert read(f"oci-archive:{packed(OCI)}").manifest_digest == image.manifest_digest


@pytest.mark.parametrize("files", [SAVED, OCI])
def test_standard_input_may_be_either(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, gzip.compress(tar_of(files)))
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=pipe, isatty=lambda: False))
        assert read("-").config_digest == sha256(CONFIG)


def test_a_terminal_is_no_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    assert refused("-").startswith("standard input: no archive comes from it; pipe one in")


def test_layers_that_older_versions_share_by_a_link_are_found() -> None:
    entry = json.loads(SAVED["manifest.json"])
    entry[0]["Layers"] = ["b/layer.tar"]
    files = SAVED | {"manifest.json": json.dumps(entry).encode()}
    packed(files, links={"b/layer.tar": "../a/layer.tar"})
    assert read("docker-archive:image.tar").layers[0].digest == sha256(LAYER)


@pytest.mark.parametrize("kind", ["docker-archive", "oci-archive"])
def test_one_of_several_images_is_chosen_by_name(kind: str) -> None:
    other = a_config(LAYER, architecture="amd64").replace(b"/bin/sh", b"/bin/ls")
    make = saved if kind == "docker-archive" else oci
    packed(make(("app:1", CONFIG), ("app:2", other), layer=LAYER))
    assert "several images: 'app:1', 'app:2'; add :NAME" in refused(f"{kind}:image.tar")
    assert read(f"{kind}:image.tar:app:2").config_digest == sha256(other)
    assert "holds no image 'app:3', only: 'app:1'" in refused(f"{kind}:image.tar:app:3")


def test_two_names_of_one_image_are_one_image() -> None:
    packed(oci(("1", CONFIG), ("latest", CONFIG), layer=LAYER))
    assert read("oci-archive:image.tar").config_digest == sha256(CONFIG)


def test_the_platform_decides_within_an_index(folder: Path) -> None:
    files = oci(("", CONFIG), ("", ARM), layer=LAYER)
    inner = files.pop("index.json")
    attested = descriptor(b"x", "manifest.v1+json")
    attested["annotations"] = {"vnd.docker.reference.type": "attestation-manifest"}
    outer = {"manifests": [descriptor(inner, "index.v1+json"), attested]}
    in_folder(files | {blob(inner): inner, "index.json": json.dumps(outer).encode()}, folder / "i")
    with open_archive("oci:i", 10**7) as archive:
        assert archive.platforms() == ("linux/amd64", "linux/arm64")
    assert read("oci:i").platform == "linux/amd64"
    assert read("oci:i", "linux/arm64").config_digest == sha256(ARM)
    message = refused("oci:i", "linux/s390x")
    assert message == (
        "i: it holds nothing for linux/s390x, only for 'linux/amd64', 'linux/arm64';"
        " --platform chooses another"
    )


def without(files: Files, name: str) -> Files:
    return {each: content for each, content in files.items() if each != name}


def manifest_of(**changes: object) -> Files:
    entry = json.loads(SAVED["manifest.json"])[0] | changes
    return SAVED | {"manifest.json": json.dumps([entry]).encode()}


MANIFEST = next(name for name, data in OCI.items() if b'"config"' in data and b'"layers"' in data)
LIES: dict[str, tuple[str, Files, str]] = {
    "no-manifest": ("docker", without(SAVED, "manifest.json"), "has no file 'manifest.json'"),
    "no-index": ("oci", without(OCI, "index.json"), "has no file 'index.json'"),
    "no-image": ("docker", SAVED | {"manifest.json": b"[]"}, "holds no image"),
    "no-layer": ("docker", without(SAVED, "a/layer.tar"), "has no file 'a/layer.tar'"),
    "no-blob": ("oci", without(OCI, blob(GZIPPED)), f"has no file '{blob(GZIPPED)[:20]}"),
    "no-json": ("docker", SAVED | {"manifest.json": b"{"}, "'manifest.json' is not what it"),
    "deep": ("docker", SAVED | {"manifest.json": b"[" * 10**5}, "'manifest.json' is not what"),
    "huge-json": ("oci", OCI | {"index.json": b" " * (5 * 1024**2)}, "larger than 4 MiB"),
    "other-layer": ("docker", SAVED | {"a/layer.tar": a_layer("x")}, "does not have the digest"),
    "other-config": (
        "docker", {**SAVED, f"{sha256(CONFIG)[7:]}.json": ARM}, "does not have the digest",
    ),
    "other-manifest": ("oci", OCI | {MANIFEST: OCI[MANIFEST] + b" "}, "does not have the digest"),
    "other-blob": ("oci", OCI | {blob(GZIPPED): gzip.compress(b"x")}, "does not have the digest"),
    "too-few-layers": ("docker", manifest_of(Layers=[]), "names 1 layers, its manifest 0"),
    "outside": ("docker", manifest_of(Config="../../etc/passwd"), "leads out of it"),
    "absolute": ("docker", manifest_of(Config="/etc/passwd"), "leads out of it"),
    "member-outside": ("docker", SAVED | {"../x": b""}, "the name '../x' leads out of it"),
    "own-index": (
        "oci", OCI | {"index.json": b'{"manifests":[{"digest":"sha256:../x","size":1}]}'},
        "'index.json' is not what it should be: manifests.0.digest",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LIES)
def test_an_archive_that_lies_gets_one_message(case: str) -> None:
    kind, files, message = LIES[case]
    packed(files)
    assert message in refused(f"{'oci-archive' if kind == 'oci' else 'docker-archive'}:image.tar")


def test_an_index_that_leads_to_itself_ends() -> None:
    inner = json.dumps({"manifests": []}).encode()
    files = dict(OCI)
    for _ in range(5):
        inner = json.dumps({"manifests": [descriptor(inner, "index.v1+json")]}).encode()
        files[blob(inner)] = inner
    files |= {"index.json": inner}
    files |= {blob(b'{"manifests": []}'): b'{"manifests": []}'}
    packed(files)
    assert "too deep" in refused("oci-archive:image.tar")


WHOLE = tar_of(SAVED)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(WHOLE)), st.binary(max_size=20), st.booleans())
def test_a_damaged_archive_is_read_as_it_was_or_refused(at: int, junk: bytes, cut: bool) -> None:
    damaged = WHOLE[:at] + junk + (b"" if cut else WHOLE[at + len(junk) :])
    Path("image.tar").write_bytes(damaged)
    try:
        image = read("docker-archive:image.tar")
    except BadArchive as error:
        assert error.message.startswith("image.tar: ")
    else:
        assert image.config_digest == sha256(CONFIG)
        assert [each.digest for each in image.layers] == [sha256(LAYER)]
