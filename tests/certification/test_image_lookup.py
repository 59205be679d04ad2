"""The lookup of an image: the first one decides for all launches."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from certify.certification import image_lookup
from certify.certification.image_lookup import ImageLookup, image_of_reference
from certify.engine.client import Engine
from certify.model.errors import ImageUnavailable
from certify.model.reference import Reference
from certify.model.result import Image
from certify.model.terms import Trust

REFERENCE = Reference.parse("debian:12")


def test_an_image_is_looked_up_once() -> None:
    digests = iter("ab")
    lookup = ImageLookup(lambda: Image(reference="debian:12", digest=next(digests)))
    assert lookup.image() is lookup.image()


def test_a_lookup_that_failed_is_not_repeated() -> None:
    calls: list[int] = []

    def find() -> Image:
        calls.append(1)
        raise ImageUnavailable("the registry is down")

    lookup = ImageLookup(find)
    for _ in range(2):
        with pytest.raises(ImageUnavailable, match="down"):
            lookup.image()
    assert len(calls) == 1


class Registry:
    """A registry that knows the manifest of every image, or does not answer."""

    def __init__(self, *manifests: str, silent: bool = False) -> None:
        self.manifests = list(manifests)
        self.silent = silent
        self.requests = 0

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, *_error: object) -> None: ...

    def manifest_digests(self, *_image: str) -> list[str]:
        self.requests += 1
        if self.silent:
            raise ImageUnavailable("no answer")
        return self.manifests


@pytest.mark.parametrize(("silent", "manifest"), [(False, "sha256:manifest"), (True, None)])
def test_the_registry_is_asked_once_for_more_facts(
    monkeypatch: pytest.MonkeyPatch, silent: bool, manifest: str | None
) -> None:
    monkeypatch.setattr(image_lookup, "publisher_trust", lambda _reference: Trust.OFFICIAL)
    registry = Registry("sha256:manifest", silent=silent)
    engine = cast(Engine, SimpleNamespace(registry=lambda _host, timeout: registry))
    image = Image(reference="debian:12", digest="sha256:index", platform="linux/amd64")
    lookup = ImageLookup(lambda: image)
    for _ in range(2):
        found = lookup.image_with_registry_facts(engine, REFERENCE)
        assert (found.manifest_digest, found.trust) == (manifest, Trust.OFFICIAL)
    assert registry.requests == 1


def test_several_manifests_for_one_platform_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_lookup, "publisher_trust", lambda _reference: Trust.OFFICIAL)
    engine = cast(Engine, SimpleNamespace(registry=lambda _host, timeout: Registry("one", "two")))
    image = Image(reference="debian:12", digest="sha256:index", platform="linux/amd64")
    found = ImageLookup(lambda: image).image_with_registry_facts(engine, REFERENCE)
    assert (found.manifest_digest, found.rival_manifests) == (None, ("one", "two"))


def test_an_image_that_is_only_local_has_no_registry_facts() -> None:
    image = Image(reference="mine:1", image_id="sha256:1")
    assert (
        ImageLookup(lambda: image).image_with_registry_facts(cast(Engine, None), REFERENCE) is image
    )


def test_a_reference_states_names_digest_and_platform() -> None:
    digest = f"sha256:{'a' * 64}"
    image = image_of_reference(Reference.parse(f"debian@{digest}"), "linux/arm64")
    assert (image.repository, image.digest, image.platform) == (
        "library/debian", digest, "linux/arm64",
    )  # fmt: skip
