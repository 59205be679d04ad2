"""A registry that does not give the image up says nothing about the image."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from certify.engine.client import Engine
from tests.conftest import SAMPLES, Certify
from tests.stories.inconclusive.answers import reason
from tests.support.misbehaving import SILENCE, Reply, serving
from tests.support.registries import Registry, free_port, running

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]


def errors(code: str, message: str) -> bytes:
    """An error as the distribution specification words it."""
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


LIMIT = "You have reached your pull rate limit."
OUT_OF_ORDER = {
    "429": (Reply(429, errors("TOOMANYREQUESTS", LIMIT), {"Retry-After": "1"}), "limit of pulls"),
    "500": (Reply(500, errors("UNKNOWN", "unknown error")), "registry"),
    "503": (Reply(503), "out of order"),
    "403": (Reply(403, errors("DENIED", "requested access to the resource is denied")), "login"),
    "404": (Reply(404, errors("MANIFEST_UNKNOWN", "manifest unknown")), "no image of that name"),
    "captive portal": (Reply(200, b"<html>Log in to the network</html>"), "could not be pulled"),
}


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        pytest.param(*each, id=name, marks=[] if name in ("429", "500") else [pytest.mark.slow])
        for name, each in OUT_OF_ORDER.items()
    ],
)
def test_a_registry_that_misbehaves(
    certify: Certify, tmp_path: Path, reply: Reply, says: str
) -> None:
    hello = Reply(200, b"{}", {"Docker-Distribution-Api-Version": "registry/2.0"})
    with serving(lambda _method, path: hello if path == "/v2/" else reply) as port:
        ended = certify("run", "--format", "json", f"127.0.0.1:{port}/team/app:1")
    said = reason(ended, tmp_path / "reports")
    assert f"127.0.0.1:{port}/team/app:1 could not be pulled" in said
    assert says in said


def test_a_registry_that_refuses_connections(certify: Certify, tmp_path: Path) -> None:
    ended = certify("run", "--format", "json", f"127.0.0.1:{free_port()}/team/app:1")
    assert "Nothing listens at the registry's address" in reason(ended, tmp_path / "reports")


def test_a_registry_whose_name_does_not_exist(certify: Certify, tmp_path: Path) -> None:
    ended = certify("run", "--format", "json", "registry.invalid/team/app:1")
    assert "Names are not resolved" in reason(ended, tmp_path / "reports")


@pytest.mark.slow
def test_a_registry_that_never_answers(certify: Certify, tmp_path: Path) -> None:
    with serving(lambda _method, _path: SILENCE) as port:  # the engine waits 25 s
        ended = certify("run", "--format", "json", f"127.0.0.1:{port}/team/app:1")
    assert "did not answer" in reason(ended, tmp_path / "reports")


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running(tmp_path_factory.mktemp("locked"), password=True) as found:
        yield found


def test_a_registry_that_asks_for_a_login(
    certify: Certify, tmp_path: Path, locked: Registry
) -> None:
    ended = certify("run", "--format", "json", f"{locked.host}/team/app:1")
    said = reason(ended, tmp_path / "reports")
    assert "login is needed" in said
    assert "docker login" in ended.result.verdict.reasons[0].remedy


@pytest.fixture
def known_here(engine: Engine) -> Iterator[str]:
    """An image that is on the engine under the name of a registry that is gone."""
    name = f"127.0.0.1:{free_port()}/team/app:1"
    assert engine.client.images.get(f"{SAMPLES}/busybox").tag(name)
    yield name
    engine.client.images.remove(name)


def test_what_is_here_is_not_taken_for_what_the_registry_has_now(
    certify: Certify, tmp_path: Path, known_here: str
) -> None:
    ended = certify("run", "--pull", "always", "--format", "json", known_here)
    assert f"{known_here} could not be pulled" in reason(ended, tmp_path / "reports")
