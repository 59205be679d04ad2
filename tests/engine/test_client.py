"""An engine: its facts, and its images."""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import docker
import pytest
from docker.errors import APIError, ImageNotFound

from certify.engine.client import Engine
from certify.model.errors import EngineUnavailable, ImageUnavailable
from certify.model.reference import Reference
from certify.model.result import Image
from certify.model.terms import Fault
from tests.conftest import SAMPLES

ID = "sha256:" + "1" * 64
DIGEST = "sha256:" + "a" * 64


# The connection


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of loopback at which nobody listens, and that nobody else is given meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


# The engine's library forgets to close the socket of a connection that was refused.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_connecting_to_no_engine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, closed_port: int
) -> None:
    (tmp_path / "file").touch()
    for host in (
        f"unix://{tmp_path}/nothing.sock",
        f"unix://{tmp_path}/file",
        f"tcp://127.0.0.1:{closed_port}",
        "tcp://engine.invalid:2375",
        "nonsense://engine",
        "tcp://",
    ):
        monkeypatch.setenv("DOCKER_HOST", host)
        with pytest.raises(EngineUnavailable) as raised:
            Engine.connect(timeout=5)
        assert "\n" not in raised.value.message, host
    del raised
    gc.collect()


@pytest.mark.engine
def test_the_real_engine(engine: Engine) -> None:
    engine.ping()
    assert engine.platform.startswith("linux/")
    assert engine.cpus >= 1
    host = engine.host()
    assert host.engine == "docker"
    assert host.engine_version[0].isdigit()
    assert host.cgroup_version in ("1", "2")
    assert host.memory_bytes > 2**28
    assert host.cpus == engine.cpus


@pytest.mark.engine
def test_an_engine_beyond_a_socket_is_not_local(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert engine.local is not os.environ.get("DOCKER_HOST", "unix://").startswith("tcp")


# What it has


def engine_with(client: object = None, **info: object) -> Engine:
    return Engine(cast(docker.DockerClient, client), info)


@pytest.mark.parametrize(
    ("info", "platform"),
    [
        ({"OSType": "linux", "Architecture": "x86_64"}, "linux/amd64"),
        ({"OSType": "linux", "Architecture": "aarch64"}, "linux/arm64"),
        ({"OSType": "linux", "Architecture": "riscv64"}, "linux/riscv64"),
        ({"Architecture": "armv7l"}, "linux/arm"),
    ],
)
def test_the_platform_by_ocis_names(info: dict[str, str], platform: str) -> None:
    assert engine_with(**info).platform == platform


@pytest.mark.parametrize(
    ("options", "apparmor"),
    [
        (["name=apparmor", "name=seccomp,profile=default"], True),
        (["name=seccomp,profile=default", "name=cgroupns"], False),
        (None, False),
    ],
)
def test_apparmor_is_detected(options: list[str] | None, apparmor: bool) -> None:
    assert engine_with(SecurityOptions=options).apparmor is apparmor


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http+docker://localhost", True),
        ("http://10.0.0.1:2375", False),
        ("http+docker://ssh", False),
        ("https://e:2376", False),
    ],
)
def test_a_local_engine_is_detected(url: str, local: bool) -> None:
    client = SimpleNamespace(api=SimpleNamespace(base_url=url))
    assert engine_with(client).local is local


# Images


def attrs(**facts: object) -> dict[str, Any]:
    return {
        "Id": ID, "Os": "linux", "Architecture": "amd64", "RepoDigests": [], "Size": 7,
        "RootFS": {"Layers": ["a", "b"]}, "Config": {"Entrypoint": None}, "Created": "then",
    } | facts  # fmt: skip


class Images:
    """What the engine has, before and after a pull."""

    def __init__(
        self,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
        *,
        steps: list[dict[str, str]] | None = None,
        refuses: str = "",
    ) -> None:
        self.images = self.api = self
        self.now, self.after, self.steps, self.refuses = before, after, steps or [], refuses
        self.pulled: list[tuple[str, str | None, str | None]] = []

    def get(self, name: str) -> object:
        if self.now is None:
            raise ImageNotFound(f"no {name}")
        return SimpleNamespace(attrs=self.now)

    def pull(self, repository: str, *, tag: str, platform: str | None, **_: object) -> object:
        self.pulled.append((repository, tag, platform))
        if self.refuses:
            raise APIError(self.refuses, explanation=self.refuses)
        self.now = self.after
        return iter(self.steps)


def resolve(
    images: Images, name: str = "debian:12", *, platform: str | None = None, pull: str = "missing"
) -> Image:
    return engine_with(images).resolve(Reference.parse(name), platform=platform, pull=pull)


def test_an_image_that_is_there_is_not_pulled() -> None:
    images = Images(attrs())
    found = resolve(images)
    assert images.pulled == []
    assert found.reference == "debian:12"
    assert (found.image_id, found.platform) == (ID, "linux/amd64")
    assert (found.size_bytes, found.layers, found.created) == (7, 2, "then")
    assert found.layer_digests == ("a", "b")
    assert found.digest is None


def test_an_image_that_is_missing_is_pulled_by_its_full_name() -> None:
    images = Images(None, attrs())
    assert resolve(images).image_id == ID
    assert images.pulled == [("docker.io/library/debian", "12", None)]


def test_always_means_always() -> None:
    images = Images(attrs(), attrs(Size=8))
    assert resolve(images, pull="always").size_bytes == 8
    assert len(images.pulled) == 1


def test_a_digest_is_pulled_by_digest() -> None:
    images = Images(None, attrs())
    found = resolve(images, f"localhost:5000/a/b@{DIGEST}")
    assert images.pulled == [("localhost:5000/a/b", DIGEST, None)]
    assert found.digest == DIGEST


def test_the_digest_that_a_pull_names_is_remembered() -> None:
    steps = [{"status": "Pulling"}, {"status": f"Digest: {DIGEST}"}, {"status": "Status: done"}]
    assert resolve(Images(None, attrs(), steps=steps)).digest == DIGEST


@pytest.mark.parametrize(
    ("facts", "asked", "pulls"),
    [
        ({}, "linux/amd64", 0),
        ({}, "linux/arm64", 1),
        ({"Architecture": "arm", "Variant": "v7"}, "linux/arm/v7", 0),
        ({"Architecture": "arm", "Variant": "v6"}, "linux/arm/v7", 1),
    ],
)
def test_an_image_of_another_platform_is_not_the_one(
    facts: dict[str, str], asked: str, pulls: int
) -> None:
    images = Images(attrs(**facts), attrs())
    resolve(images, platform=asked)
    assert [each[2] for each in images.pulled] == [asked] * pulls


@pytest.mark.parametrize("name", ["debian:12", ID])
@pytest.mark.parametrize("pull", ["never", "missing", "always"])
def test_images_that_cannot_be_pulled(name: str, pull: str) -> None:
    images = Images(None, attrs())
    if name == ID or pull == "never":
        with pytest.raises(ImageUnavailable, match="may not be pulled") as missing:
            resolve(images, name, pull=pull)
        assert missing.value.fault is Fault.TOOL
        assert images.pulled == []
    else:
        assert resolve(images, name, pull=pull).image_id == ID
        assert len(images.pulled) == 1


def test_never_for_another_platform_names_the_platform() -> None:
    with pytest.raises(ImageUnavailable, match="for linux/arm64"):
        resolve(Images(attrs()), platform="linux/arm64", pull="never")


@pytest.mark.parametrize(
    "digests",
    [
        [f"docker.io/library/debian@{DIGEST}"],
        [f"debian@{DIGEST}"],
        [f"localhost:5000/copy@sha256:{'b' * 64}", f"debian@{DIGEST}"],
        ["<none>@<none>", f"debian@{DIGEST}"],
    ],
)
def test_the_digest_is_the_repositorys_own(digests: list[str]) -> None:
    assert resolve(Images(attrs(RepoDigests=digests))).digest == DIGEST


@pytest.mark.parametrize("digests", [None, [], [f"localhost:5000/debian@{DIGEST}"]])
def test_another_repositorys_digest_is_not_ours(digests: list[str] | None) -> None:
    assert resolve(Images(attrs(RepoDigests=digests))).digest is None


@pytest.mark.parametrize(
    "images",
    [
        Images(refuses="manifest for debian:12 not found: manifest unknown"),
        Images(after=attrs(), steps=[{"status": "…"}, {"error": "manifest unknown"}]),
        Images(after=None, steps=[{"status": "done"}]),
    ],
    ids=["refused", "in the middle", "gone afterwards"],
)
def test_a_failed_pull_is_an_unavailable_image(images: Images) -> None:
    with pytest.raises(ImageUnavailable, match="debian:12") as failed:
        resolve(images)
    assert failed.value.fault in (Fault.REGISTRY, Fault.HOST)
    assert failed.value.remedy


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
