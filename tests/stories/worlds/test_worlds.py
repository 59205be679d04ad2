"""Real package managers other than apt, with a fault of their repositories: the right verdict.

``make worlds`` builds the images first, by ``scripts/worlds``.
"""

from __future__ import annotations

import io
import json
import tomllib
import uuid
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from certify.engine.client import Engine
from tests.conftest import Certify
from tests.support import package_server

pytestmark = [pytest.mark.engine, pytest.mark.worlds]

_DATA = tomllib.loads(Path(__file__).with_name("worlds.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def server(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("repositories")
    package_server.unpack(folder)
    subnet = engine.client.networks.get("bridge").attrs["IPAM"]["Config"][0]["Subnet"]
    bridge = str(ip_network(subnet)[1])
    with package_server.serving(folder, bridge) as url:
        yield url


def _url(server: str, fault: str) -> str:
    if fault == "dead":
        return server.rpartition(":")[0] + ":1"
    return f"{server}/{fault}" if fault in package_server.FAULTS else server


@pytest.mark.parametrize("fault", _DATA["faults"])
@pytest.mark.parametrize("family", _DATA["families"])
def test_a_fault_of_the_repositories(
    engine: Engine, certify: Certify, server: str, family: str, fault: str
) -> None:
    world, wanted = _DATA["families"][family], _DATA["faults"][fault]
    text = world["empty"] if fault == "no-repositories" else world["text"]
    text = text.replace("{url}", f"{_url(server, fault)}/{world['repository']}")
    folder = Path(world["file"]).parent
    source = (
        f"FROM certify-world/{family}\n"
        f"RUN mkdir -p {folder}; rm -f {folder}/*.repo; printf '{text}' >{world['file']}\n"
    )
    tag = f"certify-test/world-{uuid.uuid4().hex[:8]}:1"
    engine.client.images.build(fileobj=io.BytesIO(source.encode()), tag=tag, rm=True)
    try:
        ended = certify("run", tag, "--pull", "never", "--profile", "plain", "--format", "json")
    finally:
        engine.client.images.remove(tag, force=True)
    verdict = json.loads(ended.out)["results"][0]["verdict"]
    assert verdict["status"] == wanted["verdict"], verdict
    if wanted["reason"]:
        assert wanted["reason"] in verdict["reasons"][0]["text"]
