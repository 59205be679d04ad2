"""The platforms of an image, and one certification for each."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest

from certify.certification.certify import Certification
from certify.certification.engines import Engines
from certify.certification.options import Options
from certify.certification.platforms import find_platforms, make_certifications
from certify.engine.client import Engine
from certify.model.errors import EngineUnavailable, ImageUnavailable, LaunchRefused, Trouble
from certify.model.platform import ALL
from certify.model.reference import Reference
from certify.model.result import Image
from tests.support.archives import a_config, a_layer, oci, saved, tar_of

AMD, ARM, V6 = "linux/amd64", "linux/arm64", "linux/arm/v6"
INDEX, OLD = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
APP, BY_ID = "r.invalid/team/app:1", f"sha256:{'1' * 64}"
LOCAL = Image(reference=APP, platform=ARM)
PULLED = LOCAL.model_copy(update={"digest": OLD})


class Host:
    """An engine that may have an image, and its registry, which has the index of another."""

    platform, architecture, address = AMD, "amd64", ""

    def __init__(self, here: Image | None = None, names: Iterable[str] = (AMD, ARM)) -> None:
        self.images, self.found, self.names = self, here, names
        self.asked: list[str] = []

    def here(self, _reference: Reference) -> Image | None:
        return self.found

    def registry(self, host: str) -> Host:
        assert host == "r.invalid"
        return self

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *_error: object) -> None: ...

    def digest(self, _repository: str, tag: str) -> str:
        self.asked.append(tag)
        return INDEX

    def platforms(self, _repository: str, digest: str) -> Iterable[str]:
        self.asked.append(digest)
        return self.names


def found(host: Host, name: str = APP, pull: str = "missing") -> tuple[str, tuple[str, ...]]:
    platforms = find_platforms(cast(Engine, host), Reference.parse(name), pull)
    return platforms.reference.familiar, platforms.names


PINNED = f"r.invalid/team/app@{INDEX}"


@pytest.mark.parametrize(
    ("name", "here", "pull", "expected", "asked"),
    [
        (APP, None, "missing", (PINNED, (AMD, ARM)), ["1", INDEX]),
        ("r.invalid/team/app", None, "missing", (PINNED, (AMD, ARM)), ["latest", INDEX]),
        (f"{APP}@{INDEX}", None, "missing", (PINNED, (AMD, ARM)), [INDEX]),
        # what was pulled decides, until another pull is asked for
        (APP, PULLED, "missing", (PINNED.replace(INDEX, OLD), (AMD, ARM)), [OLD]),
        (APP, PULLED, "always", (PINNED, (AMD, ARM)), ["1", INDEX]),
        (APP, PULLED, "never", (APP, (ARM,)), []),
        # what was built here has one platform
        (APP, LOCAL, "missing", (APP, (ARM,)), []),
        (BY_ID, LOCAL, "always", (BY_ID, (ARM,)), []),
    ],
)
def test_platforms_are_those_of_the_index_or_of_the_only_image(
    name: str,
    here: Image | None,
    pull: str,
    expected: tuple[str, tuple[str, ...]],
    asked: list[str],
) -> None:
    host = Host(here)
    assert found(host, name, pull) == expected
    assert host.asked == asked


@pytest.mark.parametrize(
    ("name", "pull", "message"),
    [(APP, "never", "may not be pulled"), (BY_ID, "always", "is not on the engine"),
     (APP, "missing", "published for no platform of Linux")],
)  # fmt: skip
def test_without_a_platform_there_is_no_image(name: str, pull: str, message: str) -> None:
    with pytest.raises(ImageUnavailable, match=message) as unavailable:
        found(Host(names=()), name, pull)
    assert unavailable.value.remedy


LACKING, GONE = LaunchRefused("no emulation"), EngineUnavailable("no answer")


class Hosts(Engines):
    """Engines of which one is gone and one platform is not run."""

    def for_platform(self, platform: str | None) -> Engine | EngineUnavailable:
        return GONE if platform == V6 else self.own

    def unable(self, platforms: Iterable[str]) -> dict[str, Trouble]:
        return {each: LACKING for each in platforms if each == ARM}


def made(
    name: str, platform: str | None, own: object = None, files: ExitStack | None = None
) -> list[Certification]:
    engines = Hosts(cast(Any, own or Host(names=(AMD, ARM, V6))))
    return make_certifications(engines, name, Options(platform=platform), files or ExitStack())


@pytest.mark.parametrize(("platform", "engine"), [(None, Host), (ARM, Host), (V6, type(GONE))])
def test_one_platform_is_one_certification(platform: str | None, engine: type) -> None:
    (only,) = made(APP, platform)
    assert type(only.engine) is engine
    assert (only.reference.familiar, only.options.platform) == (APP, platform)
    assert (only.name, only.platforms) == (None, ())


def test_each_platform_of_an_index_has_its_own_with_what_keeps_it_from_running() -> None:
    each = made(APP, ALL)
    assert [one.options.platform for one in each] == [None, ARM, V6], "the own one is not asked for"
    assert [one.engine for one in each[1:]] == [LACKING, GONE]
    assert {one.reference.familiar for one in each} == {PINNED}
    assert {one.name and one.name.familiar for one in each} == {APP}
    assert {one.platforms for one in each} == {(AMD, ARM, V6)}


@pytest.mark.parametrize(("own", "trouble"), [(GONE, GONE), (Host(names=()), None)])
def test_platforms_that_cannot_be_found_are_the_trouble_of_one(
    own: object, trouble: Trouble | None
) -> None:
    (only,) = made(APP, ALL, own)
    assert isinstance(only.engine, ImageUnavailable) if trouble is None else only.engine is trouble
    assert (only.reference.familiar, only.options.platform) == (APP, None)


def test_a_file_has_a_certification_for_each_platform(tmp_path: Path) -> None:
    layer = a_layer()
    amd, arm = a_config(layer), a_config(layer, architecture="arm64")
    (tmp_path / "one.tar").write_bytes(tar_of(saved(("app:1", amd), layer=layer)))
    (tmp_path / "two.tar").write_bytes(tar_of(oci(("app:1", amd), ("app:1", arm), layer=layer)))
    one, two = f"docker-archive:{tmp_path}/one.tar", f"oci-archive:{tmp_path}/two.tar"
    with ExitStack() as opened:
        (only,) = made(one, None, files=opened)
        assert (only.reference.familiar, only.options.platform, only.platforms) == (one, None, ())
        own, foreign = made(two, ALL, files=opened)
        assert [own.options.platform, foreign.options.platform] == [None, ARM]
        assert own.find_image is not None, "it is loaded from the file"
        assert (foreign.engine, foreign.find_image) == (LACKING, None)
        assert own.reference == foreign.reference == Reference.parse(two)
        assert own.platforms == foreign.platforms == (AMD, ARM)
    with pytest.raises(EngineUnavailable):
        made(one, None, GONE)
