"""A line for all platforms becomes one image for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from certify.certification.engines import Engines
from certify.certification.platforms import Platforms
from certify.engine.client import Engine
from certify.model.errors import EngineUnavailable, ImageUnavailable, LaunchRefused, Trouble
from certify.model.reference import Reference
from certify.sweep import platforms as module
from certify.sweep.expand import ListedImage
from certify.sweep.platforms import expand_platforms

APP = Reference.parse("r.invalid/team/app:1")
EVERY = ListedImage(APP, platform="all")
AMD, ARM, V6 = "linux/amd64", "linux/arm64", "linux/arm/v6"
LACKING, GONE = LaunchRefused("no emulation"), EngineUnavailable("no answer")


class Host(Engines):
    """Engines of which one is gone and one platform is not run."""

    def for_platform(self, platform: str | None) -> Engine | EngineUnavailable:
        return GONE if platform == V6 else self.own

    def unable(self, platforms: Iterable[str]) -> dict[str, Trouble]:
        return {each: LACKING for each in platforms if each == ARM}


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Callable[[tuple[str, ...] | Trouble], None]:
    """Set what the registry says."""

    def says(names: tuple[str, ...] | Trouble) -> None:
        def find(_engine: object, reference: Reference, _pull: str) -> Platforms:
            if isinstance(names, Trouble):
                raise names
            return Platforms(reference, names)

        monkeypatch.setattr(module, "find_platforms", find)

    return says


def expanded(*images: ListedImage, known: Iterable[str] = ()) -> list[ListedImage]:
    engine = object.__new__(Engine)
    return expand_platforms(Host(engine), images, "missing", {APP.familiar: set(known)})


def test_each_platform_is_an_image_with_its_own_trouble(
    index: Callable[[tuple[str, ...] | Trouble], None],
) -> None:
    index((AMD, ARM, V6))
    found = expanded(EVERY)
    assert [(each.platform, each.trouble) for each in found] == [
        (AMD, None), (ARM, LACKING), (V6, GONE),
    ]  # fmt: skip
    assert {each.platforms for each in found} == {(AMD, ARM, V6)}


def test_a_line_with_a_platform_of_its_own_stays_and_a_launch_shows_if_it_runs() -> None:
    images = [ListedImage(APP), ListedImage(APP, platform=ARM)]
    assert expanded(*images) == images
    assert [each.trouble for each in expanded(*images)] == [None, None]


@pytest.mark.parametrize("known", [(), (AMD, ARM)])
def test_an_index_that_cannot_be_read_has_the_platforms_that_are_known(
    index: Callable[[tuple[str, ...] | Trouble], None], known: tuple[str, ...]
) -> None:
    silent = ImageUnavailable("it is silent")
    index(silent)
    found = expanded(EVERY, known=known)
    assert [each.platform for each in found] == ([*known] if known else [None])
    assert {each.trouble for each in found} == {silent}
