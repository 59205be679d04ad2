"""What a result is about: digests from a registry, ids of local images, platforms."""

from __future__ import annotations

import io
import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from certify.engine.client import Engine
from certify.model.terms import Grade, Outcome, Status
from tests.conftest import SAMPLES, Certify
from tests.support.archives import a_config, saved, tar_of
from tests.support.registries import Registry, running

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
BINFMT = Path("/proc/sys/fs/binfmt_misc")
EMULATOR = Path("/usr/bin/qemu-aarch64-static")
# Magic and mask of a 64-bit little-endian ELF executable for machine 183 (elf.h).
AARCH64 = (
    r":certify-test:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:"
    r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:"
    f"{EMULATOR}:F"
)
MODEST = """\
name = "modest"
title = "A shell, and no more"
description = "An image that says what it is, and has a shell."
source = "this test"
launch = "idle"
required = ["image.os", "image.shell", "image.platform"]
"""
FOREIGN_BUSYBOX = f"""
FROM {SAMPLES}/debian
RUN dpkg --add-architecture arm64 && apt-get update && cd /tmp && \
    apt-get download busybox-static:arm64 && dpkg -x busybox-static*.deb /out
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running(tmp_path_factory.mktemp("registry")) as found:
        yield found


@pytest.fixture(scope="module")
def foreign(engine: Engine) -> Iterator[str]:
    """A local image of arm64's own busybox, from Debian's packages."""
    built, _ = engine.client.images.build(
        fileobj=io.BytesIO(FOREIGN_BUSYBOX.encode()), rm=True, labels={"certify.test": "foreign"}
    )
    taken = subprocess.run(
        ["docker", "run", "--rm", str(built.id), "cat", "/out/bin/busybox"],
        check=True,
        capture_output=True,
    )
    engine.client.images.remove(str(built.id), force=True)
    layer = tar_of(
        {
            "bin/busybox": taken.stdout,
            "etc/os-release": b"ID=busybox\nPRETTY_NAME=BusyBox\n",
            "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\n",
        },
        {f"bin/{name}": "busybox" for name in ("sh", "cat", "ls", "mkdir", "chmod", "echo")},
    )
    config = a_config(layer, architecture="arm64")
    tag = f"certify-test/arm64-{uuid.uuid4().hex[:8]}:1"
    engine.client.images.load(tar_of(saved((tag, config), layer=layer)))
    yield tag
    engine.client.images.remove(tag, force=True)


def test_a_pulled_image_carries_its_registry_digest(certify: Certify, registry: Registry) -> None:
    name = registry.push(f"{SAMPLES}/busybox", "team/app:1")
    ended = certify("run", "--profile", "plain", "--format", "json", name)
    image = ended.result.image
    assert (image.registry, image.repository, image.tag) == (registry.host, "team/app", "1")
    assert image.digest is not None
    assert image.digest.startswith("sha256:")
    assert image.manifest_digest == image.digest, "no index: the manifest is the digest"
    assert image.image_id not in (None, image.digest)
    again = certify(
        "run", "--profile", "plain", "--format", "json", f"{registry.host}/team/app@{image.digest}"
    ).result.image
    assert (again.digest, again.image_id) == (image.digest, image.image_id)


def test_a_local_image_has_its_id_and_no_digest(
    certify: Certify, engine: Engine, tmp_path: Path
) -> None:
    name, file = f"{SAMPLES}/busybox:latest", tmp_path / "image.tar"
    image_id = engine.client.images.get(name).id
    subprocess.run(["docker", "save", "--output", file, name], check=True)
    names = [name, str(image_id), f"docker-archive:{file}"]
    ended = certify("run", "--profile", "plain", "--format", "json", *names)
    for result, expected in zip(ended.results, names, strict=True):
        image = result.image
        assert (image.reference, image.digest, image.image_id) == (expected, None, image_id)
        assert image.manifest_digest is None
    assert len(certify("history", "--format", "json", names[2]).results) == 1
    assert "a file says nothing about where" in certify("verify", names[2]).err
    assert certify("fix", names[2]).code == 2


@pytest.fixture
def index(registry: Registry, engine: Engine, foreign: str) -> dict[str, str]:
    """A tag that is an index of amd64 and arm64: its reference, and all digests."""
    names = {
        "amd64": registry.push(f"{SAMPLES}/busybox", "team/multi:amd64"),
        "arm64": registry.push(foreign, "team/multi:arm64"),
    }
    found = {
        architecture: engine.client.images.get_registry_data(name).attrs["Descriptor"]
        for architecture, name in names.items()
    }
    body = {
        "schemaVersion": 2,
        "mediaType": LIST,
        "manifests": [
            {
                "mediaType": MANIFEST,
                "size": descriptor["size"],
                "digest": descriptor["digest"],
                "platform": {"os": "linux", "architecture": architecture},
            }
            for architecture, descriptor in found.items()
        ],
    }
    digest = registry.put_manifest("team/multi", "1", LIST, json.dumps(body).encode())
    digests = {architecture: descriptor["digest"] for architecture, descriptor in found.items()}
    return {"name": f"{registry.host}/team/multi:1", "index": digest, **digests}


def test_an_index_and_a_platforms_manifest_are_told_apart(
    certify: Certify, index: dict[str, str]
) -> None:
    for platform, architecture in (("linux/amd64", "amd64"), ("linux/arm64", "arm64")):
        image = certify(
            "run", "--profile", "plain", "--platform", platform, "--format", "json", index["name"]
        ).result.image
        assert image.platform == platform
        assert image.digest == index["index"]
        assert image.manifest_digest == index[architecture]


def test_a_foreign_platform_without_emulation_is_inconclusive(
    certify: Certify, foreign: str
) -> None:
    if any(BINFMT.glob("qemu-aarch64*")):
        pytest.skip("this host emulates arm64")
    ended = certify(
        "run", "--profile", "plain", "--platform", "linux/arm64", "--pull", "never",
        "--format", "json", foreign,
    )  # fmt: skip
    assert ended.code == 3, ended.err
    assert ended.result.verdict.status is Status.INCONCLUSIVE
    assert "emulation" in ended.result.verdict.reasons[0].text
    assert not [each for each in ended.result.checks if each.outcome is Outcome.FAILED]


def test_an_image_that_is_published_for_another_platform_only_is_rejected(
    certify: Certify, registry: Registry, foreign: str
) -> None:
    name = registry.push(foreign, "team/arm64:1")
    ended = certify("run", "--profile", "plain", "--format", "json", name)
    (platform,) = (each for each in ended.result.checks if each.id == "image.platform")
    assert platform.outcome is Outcome.FAILED
    assert "linux/arm64, not for linux/amd64" in platform.message
    assert ended.code == 1


def test_what_another_platform_left_under_the_name_is_not_the_image(
    certify: Certify, engine: Engine, index: dict[str, str]
) -> None:
    """`--platform` then without: the engine has one image a name, here the other platform's."""
    name = index["name"]
    for platform in ("linux/amd64", "linux/arm64"):
        engine.client.api.pull(name, platform=platform)
    left = certify("run", "--profile", "plain", "--pull", "never", "--format", "json", name)
    assert left.code == 3
    assert "has one for linux/arm64" in left.result.verdict.reasons[0].text
    image = certify("run", "--profile", "plain", "--format", "json", name).result.image
    assert (image.platform, image.digest) == ("linux/amd64", index["index"])


@pytest.fixture
def emulation() -> Iterator[None]:
    """The kernel hands arm64 programs to QEMU, for the length of a test."""
    if os.geteuid() != 0 or not EMULATOR.exists() or any(BINFMT.glob("qemu-aarch64*")):
        pytest.skip("needs root, the Debian package qemu-user-static, and no emulation so far")
    if not (BINFMT / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "none", str(BINFMT)], check=True)
    (BINFMT / "register").write_text(AARCH64)
    yield
    (BINFMT / "certify-test").write_text("-1")


@pytest.mark.usefixtures("emulation")
def test_a_foreign_platform_is_judged_with_emulation(
    certify: Certify, foreign: str, tmp_path: Path
) -> None:
    modest = tmp_path / "modest.toml"
    modest.write_text(MODEST)
    ended = certify(
        "run", "--profile", str(modest), "--profile", "plain", "--platform", "linux/arm64",
        "--pull", "never", "--format", "json", foreign,
    )  # fmt: skip
    certified, rejected = ended.results
    assert {each.id: each.outcome for each in certified.checks} == dict.fromkeys(
        ("image.os", "image.shell", "image.platform"), Outcome.PASSED
    )
    assert certified.verdict.status is Status.CERTIFIED
    assert (certified.verdict.grade, certified.image.platform) == (Grade.NATIVE, "linux/arm64")
    assert {each.check for each in rejected.verdict.reasons if each.check} == {"packages.manager"}
    assert rejected.verdict.status is Status.REJECTED, "busybox has none, also emulated"
    alone = certify(
        "run", "--profile", str(modest), "--platform", "linux/arm64", "--pull", "never", foreign
    )
    assert alone.code == 0, alone.err
    assert "CERTIFIED native  " in alone.out
