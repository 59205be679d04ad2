"""The images of an engine: which one a name leads to, by every store, and what a pull brings."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import docker
import pytest
import requests
from docker.errors import APIError, ImageNotFound

from certify.engine.client import Engine
from certify.engine.images import ImageFinder
from certify.model.errors import ImageUnavailable, NoSuchImage
from certify.model.reference import Reference
from certify.model.result import Image
from certify.model.terms import Fault
from tests.conftest import SAMPLES

ID, ARM_ID = "sha256:" + "1" * 64, "sha256:" + "2" * 64
INDEX, AMD64, ARM64 = (f"sha256:{each * 64}" for each in "abc")
DEBIAN = "docker.io/library/debian"
AMD, ARM = "linux/amd64", "linux/arm64"


def attrs(**facts: object) -> dict[str, Any]:
    return {
        "Id": ID, "Os": "linux", "Architecture": "amd64", "RepoDigests": [], "Size": 7,
        "RootFS": {"Layers": ["a", "b"]}, "Config": {"Entrypoint": None}, "Created": "then",
    } | facts  # fmt: skip


FOREIGN = attrs(Architecture="arm64", Id=ARM_ID)


def reports(digest: str) -> dict[str, str]:
    return {"status": f"Digest: {digest}"}


@dataclass
class Store:
    """An engine's images by name, and what each pull adds to them and reports."""

    images_by_name: dict[str, dict[str, Any]] = field(default_factory=dict)
    pulls: Mapping[str | None, tuple[dict[str, dict[str, Any]], list[Any]]] = field(
        default_factory=dict
    )
    variants: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    """The images that the engine shows by architecture, if asked for a platform."""
    api_version: str = "1.45"
    timeout: int = 5
    base_url: str = "http://engine"
    pulled: list[tuple[str, str | None, str | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.images = self.api = self

    # What the client of Docker's library has

    def get(self, name: str, **more: Any) -> object:
        if "params" in more:
            wanted = json.loads(more["params"]["platform"])
            found = self.variants.get(wanted["architecture"])
            answer = requests.Response()
            answer.status_code = 200 if found else 404
            answer._content = json.dumps(found).encode()
            return answer
        if name not in self.images_by_name:
            raise ImageNotFound(f"no {name}")
        return SimpleNamespace(attrs=self.images_by_name[name])

    def pull(self, name: str, *, tag: str | None, platform: str | None, **_: object) -> object:
        self.pulled.append((name, tag, platform))
        if tag not in self.pulls:
            raise APIError("manifest unknown", explanation="manifest unknown")
        images, steps = self.pulls[tag]
        self.images_by_name |= images
        return iter(steps)


class Registry:
    """A registry that knows some digests, one of them an index; or has a trouble."""

    def __init__(
        self, known: tuple[str, ...] = (), trouble: ImageUnavailable | None = None
    ) -> None:
        self.known, self.trouble, self.asked = known, trouble, 0

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, *_: object) -> None: ...

    def describe(self, _repository: str, digest: str) -> dict[str, Any]:
        self.asked += 1
        if self.trouble or digest not in self.known:
            raise self.trouble or NoSuchImage("no such image", remedy="")
        return {"digest": digest}

    def manifest_digests(self, _repository: str, digest: str, platform: str) -> list[str]:
        return [{AMD: AMD64, ARM: ARM64}[platform]] if digest == INDEX else [digest]


def find(
    store: Store,
    name: str = "debian:12",
    platform: str | None = None,
    pull: str = "missing",
    *,
    containerd: bool = False,
    registry: Registry | None = None,
) -> Image:
    finder = ImageFinder(
        cast(docker.DockerClient, store), AMD, containerd,
        cast(Callable[[str], Any], lambda _host: registry or Registry()), lambda: None,
    )  # fmt: skip
    return finder.find(Reference.parse(name), platform, pull, lambda: False)


# What is there


def test_an_image_that_is_there_is_not_pulled() -> None:
    store = Store({"debian:12": attrs()})
    found = find(store)
    assert store.pulled == []
    assert found.reference == "debian:12"
    assert (found.image_id, found.platform) == (ID, AMD)
    assert (found.size_bytes, found.layers, found.created) == (7, 2, "then")
    assert found.layer_digests == ("a", "b")
    assert found.digest is None


def test_an_image_that_a_killed_process_brought_is_looked_for_once_its_removal_has_ended() -> None:
    marked = attrs(RepoTags=["certify-pulled:machine_1_2_123456789012"])
    store, digest = Store({f"debian@{INDEX}": marked, "debian:12": attrs()}), f"debian@{INDEX}"
    waited: list[str] = []

    def settle() -> None:
        waited.append("settled")
        del store.images_by_name[digest]

    finder = ImageFinder(
        cast(docker.DockerClient, store), AMD, containerd=False,
        registry=lambda _: cast(Any, Registry()), ping=lambda: None, settle=settle,
    )  # fmt: skip
    finder.find(Reference.parse("debian:12"), None, "never", lambda: False)
    assert waited == [], "nothing removes an image without a mark"
    with pytest.raises(ImageUnavailable, match="may not be pulled"):
        finder.find(Reference.parse(digest), None, "never", lambda: False)
    assert waited == ["settled"]


@pytest.mark.parametrize(
    ("facts", "asked", "pulls"),
    [
        ({}, AMD, 0),
        ({}, ARM, 1),
        ({}, None, 0),
        ({"Architecture": "386"}, None, 0),
        ({"Architecture": "amd64", "Variant": "v2"}, None, 0),
        ({"Architecture": "arm", "Variant": "v7"}, "linux/arm/v7", 0),
        ({"Architecture": "arm", "Variant": "v6"}, "linux/arm/v7", 1),
        # What a certification for another platform left under the name, with or without a digest.
        ({"Architecture": "arm64"}, None, 1),
        ({"Architecture": "arm64", "RepoDigests": [f"debian@{INDEX}"]}, None, 1),
    ],
)
def test_an_image_of_another_platform_is_not_the_one(
    facts: dict[str, Any], asked: str | None, pulls: int
) -> None:
    wanted = FOREIGN if asked == ARM else attrs(Architecture="arm", Variant="v7")
    store = Store(
        {"debian:12": attrs(**facts)},
        {"12": ({"debian:12": attrs() if asked in (None, AMD) else wanted}, [])},
    )
    assert find(store, platform=asked).platform == (
        asked
        or f"linux/{'386' if facts.get('Architecture') == '386' else 'amd64'}"
        + (f"/{facts['Variant']}" if "Variant" in facts else "")
    )
    assert [each[2] for each in store.pulled] == [asked] * pulls


def test_a_leftover_is_named_if_nothing_else_can_be_had() -> None:
    for pull in ("never", "missing"):
        with pytest.raises(ImageUnavailable) as raised:
            find(Store({"debian:12": FOREIGN}), pull=pull)
        told = raised.value.message + raised.value.remedy
        assert "has one for linux/arm64, which --platform selects" in told


def test_an_id_names_exactly_one_image() -> None:
    assert find(Store({ARM_ID: FOREIGN}), ARM_ID).platform == ARM


@pytest.mark.parametrize("name", ["debian:12", ID])
@pytest.mark.parametrize("pull", ["never", "missing", "always"])
def test_images_that_are_missing(name: str, pull: str) -> None:
    store = Store({}, {"12": ({"debian:12": attrs()}, [])})
    if name == ID or pull == "never":
        with pytest.raises(ImageUnavailable, match="may not be pulled") as missing:
            find(store, name, pull=pull)
        assert missing.value.fault is Fault.TOOL
        assert store.pulled == []
    else:
        assert find(store, name, pull=pull).image_id == ID
        assert store.pulled == [(DEBIAN, "12", None)]


def test_never_for_another_platform_names_the_platform() -> None:
    with pytest.raises(ImageUnavailable, match="for linux/arm64"):
        find(Store({"debian:12": attrs()}), platform=ARM, pull="never")


# Its digest


@pytest.mark.parametrize(
    "digests",
    [
        [f"docker.io/library/debian@{INDEX}"],
        [f"debian@{INDEX}"],
        [f"localhost:5000/copy@sha256:{'b' * 64}", f"debian@{INDEX}"],
        ["<none>@<none>", f"debian@{INDEX}"],
    ],
)
def test_the_digest_is_the_repositorys_own(digests: list[str]) -> None:
    assert find(Store({"debian:12": attrs(RepoDigests=digests)})).digest == INDEX


@pytest.mark.parametrize("digests", [None, [], [f"localhost:5000/debian@{INDEX}"]])
def test_another_repositorys_digest_is_not_ours(digests: list[str] | None) -> None:
    assert find(Store({"debian:12": attrs(RepoDigests=digests)})).digest is None


DOWN = ImageUnavailable("the registry does not answer", remedy="")


@pytest.mark.parametrize(
    ("name", "pull", "registry", "digest"),
    [
        ("debian:12", "missing", Registry(known=(INDEX,)), INDEX),
        ("debian:12", "missing", Registry(), None),
        ("debian:12", "missing", Registry(trouble=DOWN), None),
        ("debian:12", "never", Registry(known=(INDEX,)), None),
        (f"debian@{INDEX}", "missing", Registry(known=(INDEX,)), INDEX),
        (f"debian@{INDEX}", "missing", Registry(), None),
        (f"debian@{INDEX}", "missing", Registry(trouble=DOWN), DOWN),
    ],
)
def test_in_containerds_store_only_the_registry_tells_whose_digest_it_is(
    name: str, pull: str, registry: Registry, digest: str | ImageUnavailable | None
) -> None:
    store = Store({name: attrs(Id=INDEX, RepoDigests=[f"debian@{INDEX}"])})
    if isinstance(digest, ImageUnavailable):
        with pytest.raises(ImageUnavailable, match="does not answer"):
            find(store, name, pull=pull, containerd=True, registry=registry)
        return
    found = find(store, name, pull=pull, containerd=True, registry=registry)
    assert (found.digest, found.image_id) == (digest, INDEX)
    assert registry.asked == (pull != "never")


# Pulls


def test_always_means_always() -> None:
    store = Store({"debian:12": attrs()}, {"12": ({"debian:12": attrs(Size=8)}, [])})
    assert find(store, pull="always").size_bytes == 8


def test_a_digest_is_pulled_by_digest() -> None:
    at = f"localhost:5000/a/b@{AMD64}"
    store = Store({}, {AMD64: ({at: attrs()}, [])})
    assert find(store, at).digest == AMD64
    assert store.pulled == [("localhost:5000/a/b", AMD64, None)]


def test_a_tag_that_somebody_else_moves_meanwhile_changes_nothing() -> None:
    other = attrs(Id="sha256:" + "9" * 64)
    images = {"debian:12": other, f"{DEBIAN}@{INDEX}": attrs()}
    store = Store({}, {"12": (images, [{"status": "Pulling"}, reports(INDEX)])})
    found = find(store)
    assert (found.image_id, found.digest) == (ID, INDEX)


@pytest.mark.parametrize("asked", [None, ARM])
@pytest.mark.parametrize("containerd", [False, True])
def test_an_index_that_the_engine_had_for_another_platform(
    asked: str | None, containerd: bool
) -> None:
    wanted, other = (FOREIGN, attrs()) if asked else (attrs(), FOREIGN)
    manifest = ARM64 if asked else AMD64
    store = Store(
        {"debian:12": other},
        {
            "12": ({f"{DEBIAN}@{INDEX}": other}, [reports(INDEX)]),
            manifest: ({f"{DEBIAN}@{manifest}": wanted}, [reports(manifest)]),
        },
    )
    found = find(store, platform=asked, containerd=containerd)
    assert (found.platform, found.image_id) == (asked or AMD, wanted["Id"])
    assert found.digest == INDEX, "what the tag leads to"


def test_one_id_stands_for_all_platforms_of_an_engine_that_shows_each() -> None:
    store = Store({"debian:12": attrs(Id=INDEX)}, variants={"arm64": FOREIGN}, api_version="1.51")
    found = find(store, platform=ARM, pull="never", containerd=True)
    assert (found.platform, found.image_id) == (ARM, INDEX)
    with pytest.raises(ImageUnavailable, match=r"for linux/riscv64, and may not be pulled\."):
        find(store, platform="linux/riscv64", pull="never", containerd=True)


def test_an_image_that_comes_for_another_platform_than_the_one_asked_for() -> None:
    store = Store({}, {"12": ({f"{DEBIAN}@{AMD64}": attrs()}, [reports(AMD64)])})
    with pytest.raises(ImageUnavailable, match="for linux/arm64, and came for linux/amd64"):
        find(store, platform=ARM)


def test_an_image_that_is_published_for_another_platform_only() -> None:
    store = Store({}, {"12": ({f"{DEBIAN}@{ARM64}": FOREIGN}, [reports(ARM64)])})
    assert find(store).platform == ARM, "a check tells that it is not for this platform"


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ([{"status": "…"}, {"error": "manifest unknown"}], "no image of that name"),
        ([{"errorDetail": {"message": "no space left on device"}}], "disk"),
        ([{"errorDetail": {"code": 1}, "error": "manifest unknown"}], "no image of that name"),
        ([{"errorDetail": {}}], "it failed"),
        ([{"status": "done"}], "does not have it"),
        (None, "no image of that name"),
    ],
)
def test_a_failed_pull_is_an_unavailable_image(steps: list[Any] | None, says: str) -> None:
    store = Store({}, {"12": ({}, steps)} if steps else {})
    with pytest.raises(ImageUnavailable, match="debian:12") as failed:
        find(store)
    assert says in failed.value.message
    assert failed.value.fault in (Fault.REGISTRY, Fault.HOST)
    assert failed.value.remedy


# On a real engine


@pytest.mark.engine
def test_a_real_image(engine: Engine) -> None:
    found = engine.resolve(Reference.parse(f"{SAMPLES}/busybox"), platform=None, pull="never")
    by_id = engine.resolve(
        Reference.parse(str(found.image_id)), platform=engine.platform, pull="always"
    )
    assert by_id.image_id == found.image_id
    assert found.platform == engine.platform
    assert found.layers == 1


@pytest.mark.engine
@pytest.mark.parametrize("name", ["localhost:1/nothing:here", "registry.invalid/team/app:1"])
def test_a_registry_that_cannot_be_reached(engine: Engine, name: str) -> None:
    with pytest.raises(ImageUnavailable, match=name) as failed:
        engine.resolve(Reference.parse(name), platform=None, pull="missing")
    assert failed.value.fault in (Fault.REGISTRY, Fault.NETWORK)
    assert failed.value.evidence
