"""What a sweep pulls: held while there is room, and gone in the end, whoever is killed."""

from __future__ import annotations

import io
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest

from certify.engine import image_marks
from certify.engine.client import Engine
from certify.engine.images import MARK
from certify.model.errors import ImageUnavailable, Interrupted
from certify.model.reference import Reference
from certify.model.result import Image
from certify.sweep.image_cache import ImageCache
from tests.support.registries import Registry, running

pytestmark = [pytest.mark.engine, pytest.mark.alone]


@pytest.fixture(scope="module")
def references(
    tmp_path_factory: pytest.TempPathFactory, engine: Engine
) -> Iterator[list[Reference]]:
    """Three images of a registry, pinned, which the engine lacks."""
    with running(tmp_path_factory.mktemp("registry")) as registry:
        yield [pushed(engine, registry, f"pulled:{number}") for number in range(3)]


def pushed(engine: Engine, registry: Registry, name: str) -> Reference:
    dockerfile = f"FROM certify-sample/busybox\nLABEL variant={uuid.uuid4().hex}\n"
    built, _ = engine.client.images.build(fileobj=io.BytesIO(dockerfile.encode()), rm=True)
    reference = registry.push(str(built.id), name)
    digest = engine.client.images.get_registry_data(reference).id
    return Reference.parse(f"{registry.host}/pulled@{digest}")


def held(engine: Engine) -> int:
    return len(engine.client.images.list(name=MARK))


def test_the_least_recently_used_image_makes_room(
    engine: Engine, references: list[Reference]
) -> None:
    size = engine.client.images.get("certify-sample/busybox").attrs["Size"]
    images = ImageCache(engine, room=2 * size)
    try:
        first, second = (fetched(images, each) for each in references[:2])
        assert not images.has_room(), "both are needed"
        images.release(second)
        images.release(first)
        assert images.has_room()
        assert held(engine) == 1
        assert fetched(images, references[0]) == first, "the one needed last is still there"
        third = fetched(images, references[2])
        assert third not in (first, second)
    finally:
        images.clear()
    assert held(engine) == 0
    here = [digest for image in engine.client.images.list(all=True)
            for digest in image.attrs.get("RepoDigests") or ()]  # fmt: skip
    assert not [digest for digest in here if digest.startswith(references[0].name)]


def fetched(images: ImageCache, reference: Reference) -> Image:
    return images.fetch(reference, "linux/amd64")


def test_images_of_other_programs_stay(engine: Engine, references: list[Reference]) -> None:
    name = references[0].familiar
    engine.client.api.pull(references[0].name, tag=references[0].digest)
    images = ImageCache(engine, room=1)
    fetched(images, references[0])
    assert held(engine) == 0
    images.clear()
    engine.client.images.get(name)
    engine.client.images.remove(name)


def test_a_failed_pull_is_raised(engine: Engine, references: list[Reference]) -> None:
    images = ImageCache(engine, room=1)
    with pytest.raises(ImageUnavailable, match="none:1"):
        fetched(images, Reference.parse(f"{references[0].registry}/none:1"))
    assert images.has_room(), "nothing is held"


def test_an_interruption_at_the_end_of_a_pull_leaves_nothing(
    engine: Engine, references: list[Reference]
) -> None:
    def is_there() -> bool:
        return bool(engine.client.images.list(name=references[0].name))

    images = ImageCache(engine, room=1, stopped=is_there)
    with pytest.raises(Interrupted):
        fetched(images, references[0])
    assert not is_there()
    assert held(engine) == 0


KILLED = """
import os, signal, sys
from certify.engine.client import Engine
from certify.sweep.image_cache import ImageCache
from certify.model.reference import Reference
with Engine.connect() as engine:
    ImageCache(engine, 1).fetch(Reference.parse(sys.argv[1]), "linux/amd64")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("named_meanwhile", [False, True])
def test_images_of_a_killed_process_are_removed(
    engine: Engine, references: list[Reference], named_meanwhile: bool
) -> None:
    reference = references[1]
    subprocess.run([sys.executable, "-c", KILLED, reference.familiar], check=False)
    assert held(engine) == 1
    mine = f"test-{uuid.uuid4().hex}:kept"
    if named_meanwhile:
        engine.client.images.get(reference.familiar).tag(mine)
    assert image_marks.remove_orphans(engine) == 1
    assert held(engine) == 0
    there = [image for image in engine.client.images.list() if mine in image.tags]
    assert len(there) == named_meanwhile
    assert bool(engine.client.images.list(name=reference.name)) == named_meanwhile
    if named_meanwhile:
        for name in (mine, reference.familiar):
            engine.client.images.remove(name)


def test_images_of_a_running_process_stay(engine: Engine, references: list[Reference]) -> None:
    images = ImageCache(engine, room=1)
    fetched(images, references[2])
    assert image_marks.remove_orphans(engine) == 0
    assert held(engine) == 1
    images.clear()
