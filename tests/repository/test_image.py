"""The image of certify, from the Dockerfile: small, without root, at work through a socket."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from certify.engine.client import Engine
from scripts import release
from tests.support.package_server import bridge, serving
from tests.support.wheels import repack, required_by

ROOT = Path(__file__).parents[2]
SOCKET = Path("/var/run/docker.sock")
NAME = "certify-test/image:latest"
STAGE = "certify-test/image:build"
BASE = "certify-test/python:latest"
PYTHON = """FROM certify-sample/base:bookworm
RUN apt-get update && apt-get install -y --no-install-recommends python3-venv
"""


def test_the_build_has_what_it_needs_and_nothing_of_the_checkout_beside() -> None:
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    sent = {line[1:] for line in rules if line.startswith("!")}
    assert "*" in rules
    assert all((ROOT / name).exists() for name in sent)
    assert {"certify", "checks", "docs", "pyproject.toml", "README.md", "LICENSE"} <= sent


@pytest.mark.engine
def test_the_image_of_a_release_is_a_file_that_the_engine_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    (tmp_path / "Dockerfile").write_text(
        "FROM certify-sample/busybox\nARG RELEASE_IMAGE\nLABEL is=${RELEASE_IMAGE}\n"
    )
    monkeypatch.setattr(release, "ROOT", tmp_path)
    monkeypatch.setenv("RELEASE_IMAGE", "registry.example/certify")
    monkeypatch.setenv("DOCKER_BUILDKIT", "0")
    release.save_image("certify-test/release:1", tmp_path, "1")
    docker("image", "rm", "certify-test/release:1")
    loaded = docker("load", "--input", str(tmp_path / "certify-1-image.tar.gz"))
    assert "certify-test/release:1" in loaded.stdout, loaded.stderr
    image = engine.client.images.get("certify-test/release:1")
    assert image.labels["is"] == "registry.example/certify"
    docker("image", "rm", "certify-test/release:1")


def docker(*arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"DOCKER_BUILDKIT": "0"}
    return subprocess.run(
        ["docker", *arguments], input=given, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Iterator[str]:
    """Built from this checkout, with the packages of this environment as an index."""
    folder = tmp_path_factory.mktemp("wheels")
    found = [metadata.distribution(name) for name in ("certify-images", "hatchling", "psycopg")]
    extra = [metadata.distribution("psycopg-binary"), *found[1:], *required_by(*found)]
    for each in {distribution.name: distribution for distribution in extra}.values():
        repack(each, folder)
    made = docker("build", "--tag", BASE, "-", given=PYTHON)
    assert made.returncode == 0, made.stderr
    host = bridge(engine.client)
    try:
        with serving(folder, host) as wheels:
            given = {
                "BASE": BASE, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": f"{wheels}/",
                "PIP_TRUSTED_HOST": host, "RELEASE_IMAGE": "registry.example/certify",
            }  # fmt: skip
            options = [
                word for key, value in given.items() for word in ("--build-arg", f"{key}={value}")
            ]
            for name, target in ((STAGE, ["--target", "build"]), (NAME, [])):
                built = docker("build", "--force-rm", "--tag", name, *target, *options, str(ROOT))
                assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-1000:]
        yield NAME
    finally:
        docker("image", "rm", NAME, STAGE, BASE)


@pytest.mark.slow
@pytest.mark.engine
class TestImage:
    def test_it_certifies_through_the_socket_without_root(self, image: str, tmp_path: Path) -> None:
        ended = docker(
            "run", "--rm", "--group-add", str(SOCKET.stat().st_gid),
            "--volume", f"{SOCKET}:{SOCKET}", "--volume", "certify-test-reports:/reports",
            image, "run", "--profile", "plain", "--format", "json", "certify-sample/debian",
        )  # fmt: skip
        kept = docker("run", "--rm", "--volume", "certify-test-reports:/reports", image, "matrix")
        docker("volume", "rm", "certify-test-reports")
        assert ended.returncode == 0, ended.stderr
        (result,) = json.loads(ended.stdout)["results"]
        assert result["verdict"]["status"] == "certified"
        assert "debian" in kept.stdout

    def test_it_runs_as_a_restricted_pod_would_and_says_what_keeps_it_from_the_engine(
        self, image: str
    ) -> None:
        ended = docker(
            "run", "--rm", "--read-only", "--tmpfs=/tmp", "--tmpfs=/reports:mode=1777",
            "--user=4321:4321", "--cap-drop=ALL", "--security-opt=no-new-privileges",
            "--volume", f"{SOCKET}:{SOCKET}", "--entrypoint=", image,
            "sh", "-c", "certify doctor; certify run debian:12",
        )  # fmt: skip
        assert ended.returncode == 3, ended.stdout + ended.stderr
        assert "permission denied" in (ended.stdout + ended.stderr).lower()
        assert "Traceback" not in ended.stdout + ended.stderr

    def test_schedules_printed_by_it_name_it(self, image: str) -> None:
        ended = docker("run", "--rm", image, "schedule", "gitlab")
        assert f'name: "registry.example/certify:{version()}"' in ended.stdout, ended.stderr

    def test_nothing_of_the_build_is_in_it(self, image: str) -> None:
        assert "PIP_" not in docker("history", "--no-trunc", image).stdout
        own, base = json.loads(docker("image", "inspect", image, BASE).stdout)
        assert own["Size"] - base["Size"] < 150_000_000
        assert own["Config"]["User"] == "10001:10001"
        assert not any(word.startswith("PIP_") for word in own["Config"]["Env"])


def version() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return str(project["version"])
