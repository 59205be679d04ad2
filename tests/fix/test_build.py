"""Building a Dockerfile on the real engine: failures and leftovers."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator

import pytest
from docker.errors import ImageNotFound

from certify.engine.client import Engine
from certify.fix.build import BuildFailed, build
from certify.model.errors import Trouble
from certify.model.terms import Fault
from tests.conftest import SAMPLES
from tests.support.images import Tag

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]

DEBIAN = f"{SAMPLES}/debian"


def derived(engine: Engine, tag: str, *lines: str) -> None:
    build(engine, "\n".join((f"FROM {DEBIAN}", *lines)), tag)


def images_of(engine: Engine) -> set[str]:
    return set(engine.client.api.images(quiet=True, all=True))


def made_by(engine: Engine, marker: str, before: set[str]) -> Iterator[str]:
    """Yield the images made since then whose last layer was made by a command with the marker."""
    for each in images_of(engine) - before:
        with contextlib.suppress(ImageNotFound):  # other tests remove images meanwhile
            if marker in str(engine.client.images.get(each).history()[:1]):
                yield each


def test_a_build_that_fails_removes_its_images_and_no_others(engine: Engine, tag: Tag) -> None:
    marker, name, before = secrets.token_hex(8), tag("bystander"), images_of(engine)
    derived(engine, name, f"RUN echo bystander {marker}")
    bystander = str(engine.client.images.get(name).id)
    derived(engine, name)  # the tag moves, so it no longer protects the bystander
    try:
        lie = f"RUN echo ' ---> {bystander.removeprefix('sha256:')[:12]}'"
        dockerfile = (f"FROM {DEBIAN}", f"RUN : {marker}", lie, "RUN echo ouch >&2; false")
        with pytest.raises(BuildFailed, match="ouch"):
            build(engine, "\n".join(dockerfile), tag("failed"))
        assert list(made_by(engine, marker, before)) == [bystander]
    finally:
        engine.client.api.remove_image(bystander)


def test_a_network_that_is_down_is_no_fault_of_the_image(engine: Engine, tag: Tag) -> None:
    with pytest.raises(Trouble) as caught:
        build(engine, f"FROM {DEBIAN}\nRUN apt-get update -o APT::Update::Error-Mode=any",
              tag("offline"), network="none")  # fmt: skip
    assert caught.value.fault is Fault.NETWORK
