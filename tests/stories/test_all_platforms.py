"""All platforms of an index in one call: a real registry, and a second engine for one of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from certify.engine.client import Engine
from tests.conftest import SAMPLES, Certify, Ended
from tests.support.private_engine import private_engine
from tests.support.profiles import mine
from tests.support.registries import MANIFEST, OCI_MANIFEST, Registry, running

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]

INDEX = "application/vnd.oci.image.index.v1+json"
AMD, ARM = "linux/amd64", "linux/arm64"
REPOSITORY = "team/app"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Iterator[Registry]:
    """A registry with an index: BusyBox for amd64, the same layers called arm64, an attestation."""
    if engine.architecture != "amd64":
        pytest.skip("the sample is for amd64")
    with running(tmp_path_factory.mktemp("registry")) as found:
        found.push(f"{SAMPLES}/busybox", f"{REPOSITORY}:amd64")
        url = f"http://{found.host}/v2/{REPOSITORY}"
        amd = requests.get(f"{url}/manifests/amd64", headers={"Accept": MANIFEST}, timeout=10)
        manifest = amd.json()
        config = requests.get(f"{url}/blobs/{manifest['config']['digest']}", timeout=10).json()
        other = json.dumps(config | {"architecture": "arm64", "variant": "v8"}).encode()
        manifest["config"] |= {"digest": put_blob(found, other), "size": len(other)}
        arm = json.dumps(manifest).encode()
        parts = [
            described(found, amd.content, MANIFEST, AMD),
            described(found, arm, MANIFEST, f"{ARM}/v8"),
            described(
                found, attestation(found), OCI_MANIFEST, "unknown/unknown",
                annotations={"vnd.docker.reference.type": "attestation-manifest"},
            ),
        ]  # fmt: skip
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": parts}
        found.put_manifest(REPOSITORY, "1", INDEX, json.dumps(index).encode())
        yield found
        for image in engine.client.images.list(f"{found.host}/{REPOSITORY}"):
            for name in (*image.tags, *image.attrs["RepoDigests"]):
                if name.startswith(found.host):  # the sample has names of its own, which stay
                    engine.client.images.remove(name)


def put_blob(registry: Registry, data: bytes) -> str:
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    begun = requests.post(f"http://{registry.host}/v2/{REPOSITORY}/blobs/uploads/", timeout=10)
    where = begun.headers["Location"]
    requests.put(where, params={"digest": digest}, data=data, timeout=10).raise_for_status()
    return digest


def attestation(registry: Registry) -> bytes:
    config = b"{}"
    kind = "application/vnd.oci.image.config.v1+json"
    parts = {"mediaType": kind, "digest": put_blob(registry, config), "size": len(config)}
    body = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": parts, "layers": []}
    return json.dumps(body).encode()


def described(
    registry: Registry, manifest: bytes, kind: str, platform: str, **more: Any
) -> dict[str, Any]:
    digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    registry.put_manifest(REPOSITORY, digest, kind, manifest)
    named = dict(zip(("os", "architecture", "variant"), platform.split("/"), strict=False))
    return {"mediaType": kind, "digest": digest, "size": len(manifest), "platform": named} | more


def quick(folder: Path) -> str:
    return mine(folder, 'launch = "idle"', 'required = ["image.platform", "image.shell"]')


def verdicts(ended: Ended) -> dict[str | None, str]:
    return {each.image.platform: each.verdict.status.value for each in ended.results}


@pytest.mark.slow
def test_each_platform_of_an_index_has_a_result_and_the_index_one_verdict(
    registry: Registry, certify: Certify, tmp_path: Path
) -> None:
    image, profile = f"{registry.host}/{REPOSITORY}:1", quick(tmp_path)
    ended = certify("run", "--platform", "all", "--profile", profile, image)
    if "No engine here runs programs for linux/arm64" not in ended.out:
        pytest.skip("this host emulates arm64")
    assert ended.code == 3, "one is certified, none rejected"
    assert ended.out.count("there is no emulation for it") == 1, "said once"
    assert ended.out.count("CERTIFIED") == 2, "in its report and in the table"
    assert f"{image} [mine] is not certified on all 2 platforms: linux/arm64 inconclusive" in (
        " ".join(ended.out.split())
    )

    as_json = certify("run", "--platform", "all", "--profile", profile, "--format", "json", image)
    assert verdicts(as_json) == {AMD: "certified", ARM: "inconclusive"}
    assert {each.image.platforms for each in as_json.results} == {(AMD, ARM)}
    amd = as_json.results[0].image
    assert amd.digest and amd.manifest_digest and amd.digest != amd.manifest_digest
    (index,) = json.loads(as_json.out)["indexes"]
    assert (index["status"], index["platforms"]) == (
        "inconclusive", {AMD: "certified", ARM: "inconclusive"},
    )  # fmt: skip

    alone = certify("run", "--platform", "all", "--profile", profile, "--format", "json",
                    f"{registry.host}/{REPOSITORY}:amd64")  # fmt: skip
    assert (alone.code, verdicts(alone), json.loads(alone.out)["indexes"]) == (
        0, {AMD: "certified"}, [],
    )  # fmt: skip
    local = certify("run", "--platform", "all", "--profile", profile, "--format", "json",
                    f"{SAMPLES}/busybox")  # fmt: skip
    assert (local.code, verdicts(local)) == (0, {AMD: "certified"})


def test_a_list_names_all_platforms_with_a_star(
    registry: Registry, certify: Certify, tmp_path: Path
) -> None:
    (tmp_path / "images.txt").write_text(f"{registry.host}/{REPOSITORY}:1 platform=*\n")
    words = ("sweep", "images.txt", "--profile", quick(tmp_path), "--format", "json")
    ended = certify(*words)
    assert ended.code == 3
    assert verdicts(ended) == {AMD: "certified", ARM: "inconclusive"}
    assert json.loads(ended.out)["indexes"][0]["status"] == "inconclusive"
    plan = json.loads(certify(*words, "--dry-run").out)["images"]
    assert [(each["platform"], each["state"]) for each in plan] == [
        (AMD, "fresh"), (ARM, "unresolved"),
    ]  # fmt: skip


@pytest.mark.slow
def test_an_engine_of_another_machine_certifies_its_platform(
    registry: Registry, certify: Certify, tmp_path: Path, engine: Engine
) -> None:
    image, profile = f"{registry.host}/{REPOSITORY}:1", quick(tmp_path)
    (tmp_path / "images.txt").write_text(f"{image} platform=all\n")
    with private_engine(tmp_path) as other:
        named = ("--engine", f"amd64={other.address}", "--profile", profile, "--format", "json")
        ended = certify("run", "--platform", "all", *named, image)
        assert verdicts(ended) == {AMD: "certified", ARM: "inconclusive"}
        (listed,) = other.docker(
            "images", "--digests", "--format", "{{.Repository}}"
        ).stdout.split()
        assert listed.decode() == f"{registry.host}/{REPOSITORY}"
        assert not other.docker("ps", "--all", "--quiet").stdout, "nothing is left there"
        other.docker("rmi", "--force", str(ended.results[0].image.image_id))
        swept = certify("sweep", "images.txt", "--force", *named)
        assert verdicts(swept) == {AMD: "certified", ARM: "inconclusive"}
        assert not other.docker("images", "--quiet").stdout, "what a sweep pulls, it removes"
    gone = certify("run", "--platform", "all", *named, image)
    assert (gone.code, verdicts(gone)) == (3, {AMD: "inconclusive", ARM: "inconclusive"})
    assert other.address in gone.results[0].verdict.reasons[0].text
