"""Real registries on loopback: Debian's docker-registry, and one with a referrers API."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import pytest
import requests

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIGURATION = """\
version: 0.1
storage:
  filesystem: {{rootdirectory: {data}}}
http: {{addr: "127.0.0.1:{port}", secret: loopback-only{listens}}}
log: {{level: error, accesslog: {{disabled: true}}}}
"""
LOGIN = """\
auth: {{htpasswd: {{realm: loopback, path: {folder}/htpasswd}}}}
"""
# User and password are `certify`, by bcrypt at its lowest cost.
HTPASSWD = "certify:$2b$04$DEhevuTBhKDGVCcTTP2Sd.SadYe6iv.WVa0XuWo0Ip9Ee0HVNfqMK\n"
REFERRERS_REGISTRY = Path(__file__).parents[2] / ".cache" / "referrers-registry"


@dataclass(frozen=True)
class Registry:
    """A registry that answers at ``host`` without TLS."""

    host: str
    data: Path
    """The folder of its store."""

    def seed(self, repository: str, tag: str, note: str = "") -> str:
        """Store a manifest without layers, a different one for each note; return its digest."""
        config = json.dumps({"os": "linux", "architecture": "amd64", "note": note}).encode()
        digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
        begun = requests.post(f"http://{self.host}/v2/{repository}/blobs/uploads/", timeout=10)
        requests.put(
            urljoin(begun.url, begun.headers["Location"]),
            params={"digest": digest},
            data=config,
            timeout=10,
        ).raise_for_status()
        kind = "application/vnd.oci.image.config.v1+json"
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": kind, "digest": digest, "size": len(config)},
            "layers": [],
        }
        return self.put_manifest(repository, tag, OCI_MANIFEST, json.dumps(manifest).encode())

    def drop_blob(self, digest: str) -> None:
        """Delete a blob, as damaged storage would."""
        name = digest.removeprefix("sha256:")
        (self.data / "docker/registry/v2/blobs/sha256" / name[:2] / name / "data").unlink()

    def drop_repository(self, repository: str) -> None:
        """Remove a repository with all its tags."""
        shutil.rmtree(self.data / "docker/registry/v2/repositories" / repository)

    def push(self, local: str, repository: str) -> str:
        """Push an image of the engine, untag it there, and return its reference here."""
        name = f"{self.host}/{repository}"
        for words in (["tag", local, name], ["push", "-q", name], ["rmi", name]):
            subprocess.run(["docker", *words], check=True, capture_output=True)
        return name

    def copy(self, repository: str, tag: str, to: str, to_tag: str) -> None:
        """Give an image another name by mounting its blobs; nothing is uploaded."""
        manifest = requests.get(
            f"http://{self.host}/v2/{repository}/manifests/{tag}",
            headers={"Accept": MANIFEST},
            timeout=10,
        )
        manifest.raise_for_status()
        body = manifest.json()
        for blob in (body["config"], *body["layers"]):
            requests.post(
                f"http://{self.host}/v2/{to}/blobs/uploads/",
                params={"mount": blob["digest"], "from": repository},
                timeout=10,
            ).raise_for_status()
        self.put_manifest(to, to_tag, MANIFEST, manifest.content)

    def put_manifest(self, repository: str, tag: str, media_type: str, body: bytes) -> str:
        """Store a manifest unchanged; return its digest."""
        answer = requests.put(
            f"http://{self.host}/v2/{repository}/manifests/{tag}",
            data=body,
            headers={"Content-Type": media_type},
            timeout=10,
        )
        answer.raise_for_status()
        return answer.headers["Docker-Content-Digest"]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def running(
    folder: Path, *, password: bool = False, more: str = "", listens: str = ""
) -> Iterator[Registry]:
    """Run a registry with an empty store; with ``password`` it requires a login.

    ``more`` are lines for its configuration, ``listens`` settings for the section ``http``.
    """
    if shutil.which("docker-registry") is None:
        pytest.skip("needs the Debian package docker-registry")
    port = free_port()
    configuration = folder / "registry.yml"
    settings = CONFIGURATION + (LOGIN if password else "")
    filled = settings.format(data=folder / "data", port=port, folder=folder, listens=listens)
    configuration.write_text(filled + more)
    (folder / "htpasswd").write_text(HTPASSWD)
    with _serving(["docker-registry", "serve", str(configuration)], port, folder):
        yield Registry(f"127.0.0.1:{port}", folder / "data")
    _forget(f"127.0.0.1:{port}")


def _forget(host: str) -> None:
    """Remove from the engine, if there is one, what was pulled from a registry that is gone."""
    template = '{{.Repository}}{{if eq .Tag "<none>"}}@{{.Digest}}{{else}}:{{.Tag}}{{end}}'
    words = ["image", "ls", "--digests", "--filter", f"reference={host}/*/*", "--format", template]
    if shutil.which("docker") is not None:
        listed = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
        if names := set(listed.stdout.split()):
            subprocess.run(["docker", "rmi", *names], capture_output=True, check=False)


@contextlib.contextmanager
def with_referrers(folder: Path) -> Iterator[Registry]:
    """Run a registry with a referrers API (OCI 1.1); its store is in memory."""
    if not REFERRERS_REGISTRY.exists():
        pytest.skip("needs what scripts/referrers-registry builds; make test-slow runs it")
    port = free_port()
    with _serving([str(REFERRERS_REGISTRY), f"127.0.0.1:{port}"], port, folder):
        yield Registry(f"127.0.0.1:{port}", folder / "data")


@contextlib.contextmanager
def _serving(command: list[str], port: int, folder: Path) -> Iterator[None]:
    """Run a server; enter the block once it listens on a port of this machine."""
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None, (folder / "registry.log").read_text("utf-8")
            assert time.monotonic() < deadline, "the registry does not listen"
            time.sleep(0.01)
        yield
    finally:
        process.terminate()
        process.wait(10)
