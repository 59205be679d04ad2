"""An image of a file on the engine: there while it is needed, and no name of a user's moves."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker.errors import ImageNotFound

from certify.engine import image_marks
from certify.engine.archive import open_archive
from certify.engine.archive_load import LoadedImage, docker_archive
from certify.engine.client import Engine
from certify.engine.image_marks import add_mark, mark_of
from certify.engine.images import MARK
from certify.model.errors import BadArchive, ImageUnavailable
from certify.model.reference import Reference
from tests.support.archives import (
    Files,
    a_config,
    a_layer,
    blob,
    in_folder,
    loaded_image,
    oci,
    saved,
    tar_of,
)


@pytest.fixture
def content() -> tuple[bytes, bytes]:
    """A layer that no engine has seen, and the configuration of an image of it."""
    layer = a_layer(uuid.uuid4().hex)
    return a_config(layer), layer


def write(path: Path, files: Files) -> str:
    path.write_bytes(tar_of(files))
    return f"docker-archive:{path}"


def test_one_stream_is_for_both_kinds_of_engines(
    tmp_path: Path, content: tuple[bytes, bytes]
) -> None:
    config, layer = content
    text = write(tmp_path / "image.tar", saved(("app:1", config), layer=layer))
    with open_archive(text, 10**7) as archive:
        stream = b"".join(docker_archive(archive.image(None, "linux/amd64"), "mark:1"))
    with tarfile.open(fileobj=io.BytesIO(stream)) as members:
        names = members.getnames()
        assert names.count(blob(layer)) == names.count(blob(config)) == 1
        (tmp_path / "again.tar").write_bytes(stream)
    for kind in ("docker-archive", "oci-archive"):
        with open_archive(f"{kind}:{tmp_path}/again.tar", 10**7) as archive:
            again = archive.image(None, "linux/amd64")
        assert again.config == config
        assert again.layers[0].digest.endswith(blob(layer).rpartition("/")[2])
    (entry,) = json.loads(tar_member(stream, "manifest.json"))
    assert entry["RepoTags"] == ["mark:1"], "and no name that the archive claims"


def tar_member(stream: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(stream)) as members:
        found = members.extractfile(name)
        assert found is not None
        return found.read()


@pytest.fixture
def name(engine: Engine) -> Iterator[str]:
    """A name of the user's, of another image."""
    mine = f"certify-test/{uuid.uuid4().hex[:12]}:1"
    engine.client.images.get("certify-sample/busybox").tag(mine)
    yield mine
    engine.client.images.remove(mine)


def marked(engine: Engine) -> set[str]:
    return {str(each.id) for each in engine.client.images.list(name=MARK)}


@pytest.mark.engine
@pytest.mark.parametrize("kind", ["docker-archive", "oci"])
def test_an_image_is_loaded_and_gone_afterwards(
    kind: str, engine: Engine, name: str, content: tuple[bytes, bytes], tmp_path: Path
) -> None:
    config, layer = content
    before = engine.client.images.get(name).id
    if kind == "oci":
        text = f"oci:{in_folder(oci((name, config), layer=layer), tmp_path / 'layout')}"
    else:
        text = write(tmp_path / "image.tar", saved((name, config), layer=layer))
    with loaded_image(engine, text, None, 10**7) as loaded:
        image = loaded.find()
        assert (image.reference, image.digest, image.layers) == (text, None, 1)
        assert bool(image.manifest_digest) == (kind == "oci")
        assert engine.client.images.get(str(image.image_id)).tags == [mark_of(str(image.image_id))]
        assert engine.client.images.get(name).id == before, "the archive's claim to it is nothing"
        with loaded_image(engine, text, None, 10**7) as again:
            assert again.find().image_id == image.image_id
    with pytest.raises(ImageNotFound):
        engine.client.images.get(str(image.image_id))


@pytest.mark.engine
@pytest.mark.parametrize("kept", [True, False])
def test_an_image_that_is_there_stays(
    kept: bool, engine: Engine, content: tuple[bytes, bytes], tmp_path: Path
) -> None:
    config, layer = content
    mine = f"certify-test/{uuid.uuid4().hex[:12]}:1"
    text = write(tmp_path / "image.tar", saved((mine, config), layer=layer))
    with (tmp_path / "image.tar").open("rb") as file:
        (there,) = engine.client.images.load(file)
    if not kept:  # but that of a process which will remove it meanwhile
        add_mark(engine, str(there.id))
        engine.client.images.remove(mine)
    with loaded_image(engine, text, None, 10**7) as loaded:
        assert loaded.find().image_id == there.id
        tags = engine.client.images.get(str(there.id)).tags
        assert tags == [mine if kept else mark_of(str(there.id))]
    assert bool(engine.client.images.list(name=mine)) == kept
    assert str(there.id) not in marked(engine)
    if kept:
        engine.client.images.remove(mine)


@pytest.mark.engine
def test_a_layer_that_unpacks_to_another_is_refused_by_the_engine(
    engine: Engine, content: tuple[bytes, bytes], tmp_path: Path
) -> None:
    config, _ = content
    text = write(
        tmp_path / "image.tar", saved(("a:1", config), layer=gzip.compress(a_layer("other")))
    )
    with loaded_image(engine, text, None, 10**7) as loaded:
        with pytest.raises(ImageUnavailable) as caught:
            loaded.find()
    assert "could not be loaded" in caught.value.message
    assert mark_of(loaded.archived.config_digest) not in str(engine.client.images.list(name=MARK))


@pytest.mark.engine
def test_what_a_killed_process_loaded_is_removed_by_the_next(
    engine: Engine, content: tuple[bytes, bytes], tmp_path: Path
) -> None:
    config, layer = content
    text = write(tmp_path / "image.tar", saved(("a:1", config), layer=layer))
    killed = (
        "import os, sys; from certify.engine.client import Engine;"
        "from tests.support.archives import loaded_image;"
        "engine = Engine.connect();"
        "held = loaded_image(engine, sys.argv[1], None, 10**7);"
        "loaded = held.__enter__();"
        "print(loaded.find().image_id, flush=True); os.kill(os.getpid(), 9)"
    )
    python = subprocess.run(
        [sys.executable, "-c", killed, text], stdout=subprocess.PIPE, check=False
    )
    image_id = python.stdout.decode().strip()
    assert image_id in marked(engine)
    image_marks.remove_orphans(engine)
    assert image_id not in marked(engine)


def test_a_file_is_read_before_the_engine_is_asked(tmp_path: Path) -> None:
    class Deaf:
        platform = "linux/amd64"

    with pytest.raises(BadArchive), loaded_image(Deaf(), f"oci:{tmp_path}", None, 1):  # type: ignore[arg-type]
        pass
    assert LoadedImage(Deaf(), None, Reference.parse("a")).__enter__()  # type: ignore[arg-type]
