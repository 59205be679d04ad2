"""The documents of an archive of images, as it claims them to be."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.engine.archive_documents import (
    Config,
    Descriptor,
    Index,
    Manifest,
    blob_name,
    digest_of,
    parse,
    parse_saved,
)
from certify.model.errors import BadArchive

EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_digest_is_that_of_the_bytes_and_leads_to_a_file() -> None:
    assert digest_of(b"") == EMPTY
    assert blob_name(EMPTY) == f"blobs/sha256/{EMPTY[7:]}"


@pytest.mark.parametrize(
    ("fields", "platform"),
    [
        ({"architecture": "amd64"}, "linux/amd64"),
        ({"architecture": "arm", "variant": "v7"}, "linux/arm/v7"),
        ({"architecture": "arm64", "variant": "v8"}, "linux/arm64"),
    ],
)
def test_a_platform_is_written_in_its_normal_form(fields: dict[str, str], platform: str) -> None:
    known = {"os": "linux", "rootfs": {"diff_ids": [EMPTY]}} | fields
    assert parse(Config, json.dumps(known).encode(), "config").platform == platform


def test_names_are_those_of_containerd_before_those_of_oci() -> None:
    notes = {
        "org.opencontainers.image.ref.name": "1",
        "io.containerd.image.name": "docker.io/a/b:1",
        "other": "x",
    }
    document = {"digest": EMPTY, "size": 0, "annotations": notes}
    found = parse(Descriptor, json.dumps(document).encode(), "index.json")
    assert found.names == ("docker.io/a/b:1", "1")


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (b"{", "Invalid JSON"),
        (b'{"manifests": 1}', "manifests: "),
        (b'{"manifests": [{"digest": "md5:1", "size": 1}]}', "manifests.0.digest: "),
        (b'{"manifests": [{"digest": "' + EMPTY.encode() + b'", "size": -1}]}', "0.size: "),
        (json.dumps({"manifests": [{"digest": EMPTY, "size": 1}] * 1001}).encode(), "1000 items"),
    ],
)
def test_a_wrong_document_is_named_with_the_place(document: bytes, told: str) -> None:
    with pytest.raises(BadArchive) as bad:
        parse(Index, document, "index\x1b[2J.json")
    assert told in bad.value.message
    assert bad.value.message.isprintable(), "names of files are an archive's own words"


@given(data=st.binary(max_size=200))
def test_any_bytes_are_documents_or_a_mistake(data: bytes) -> None:
    for kind in (Index, Manifest, Config):
        with pytest.raises(BadArchive):
            parse(kind, data, "it")


def test_what_docker_saves_may_lack_names() -> None:
    saved = [{"Config": "a.json", "RepoTags": None, "Layers": ["l/layer.tar"]}]
    (found,) = parse_saved(json.dumps(saved).encode())
    assert (found.config, found.names, found.layers) == ("a.json", None, ["l/layer.tar"])
    with pytest.raises(BadArchive, match=r"manifest\.json"):
        parse_saved(b"{}")
