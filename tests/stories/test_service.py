"""A service beside a project, on a real engine: certified in a base image, and started again."""

from __future__ import annotations

import io
import secrets
import subprocess
from collections.abc import Iterator

import pytest

from certify.engine.client import Engine
from certify.model.terms import Outcome
from tests.conftest import SAMPLES, Certify

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]
SERVE = (
    "RUN mkdir /data && chown 65534 /data\nUSER 65534\nVOLUME /data\nEXPOSE 8080\n"
    'HEALTHCHECK --interval=1s CMD ["wget", "-qO", "/dev/null", "http://127.0.0.1:8080/"]\n'
    'CMD ["sh", "-c", "trap \'exit 0\' TERM; [ $WORD ] || exit 3; echo $WORD >/data/index.html; '
    'httpd -f -v -p 8080 -h /data & wait"]\n'
)


@pytest.fixture
def image(engine: Engine) -> Iterator[str]:
    """Build a small service that wants a variable, under a name of its own."""
    name = f"certify-test/{secrets.token_hex(4)}:latest"
    dockerfile = f"FROM {SAMPLES}/busybox\n{SERVE}"
    engine.client.images.build(fileobj=io.BytesIO(dockerfile.encode()), tag=name, rm=True)
    yield name
    engine.client.images.remove(name, force=True)


def words(image: str, *more: str) -> list[str]:
    base = f"{SAMPLES}/debian-devspace"
    return ["run", "--profile", "service", "--pull", "never", "--base", base, *more, image]


def test_a_service_is_certified_in_a_base_image(certify: Certify, image: str) -> None:
    ended = certify(*words(image, "--env", "WORD=here", "--runs", "3", "--format", "json"))
    result = ended.result
    assert len(result.startup.ready_samples) == 3
    assert result.startup.ready_seconds == sorted(result.startup.ready_samples)[1]
    assert ended.code == 0, [(each.id, each.message) for each in result.checks]
    assert all(each.outcome is Outcome.PASSED for each in result.checks), result.checks
    assert (result.launch.kind, result.launch.isolation) == ("nested", "caps")
    assert "docker run -d --env=WORD" in result.launch.reproduce
    assert "here" not in result.launch.reproduce, "values may be passwords"
    assert result.image.reference == image


@pytest.mark.slow
def test_a_workspace_with_the_service_is_started_by_the_command_to_reproduce(
    certify: Certify, image: str, engine: Engine
) -> None:
    ended = certify(*words(image, "--env", "WORD=here", "--format", "json"))
    try:
        subprocess.run(
            ["sh", "-c", f"export WORD=again; {ended.result.launch.reproduce}"],
            check=True, capture_output=True,
        )  # fmt: skip
        ask = (
            "ip=$(docker inspect -f '{{.NetworkSettings.IPAddress}}' $(docker ps -q)); "
            "until curl -fs http://$ip:8080/; do :; done"
        )
        command = ["docker", "exec", "certify-repro", "timeout", "60", "sh", "-c", ask]
        assert subprocess.run(command, check=True, capture_output=True).stdout == b"again\n"
    finally:
        engine.client.api.remove_container("certify-repro", v=True, force=True)


def test_a_service_whose_base_is_not_there_is_inconclusive(certify: Certify, image: str) -> None:
    ended = certify(
        "run", "--profile", "service", "--pull", "never", "--base", "localhost:1/none:1",
        "--format", "json", image,
    )  # fmt: skip
    assert ended.code == 3, ended.err
    assert "localhost:1/none:1" in ended.result.verdict.reasons[0].text
