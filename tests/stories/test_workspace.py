"""A workspace from the approved list: a base, and the service that was certified inside it."""

from __future__ import annotations

import contextlib
import io
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from certify.engine.client import Engine
from certify.engine.errors import APIError
from tests.conftest import SAMPLES, Certify
from tests.support.registries import Registry, running

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.usefixtures("nothing_left")]
SERVICE = f"""\
FROM {SAMPLES}/busybox
USER 65534
EXPOSE 8080
CMD ["sh", "-c", "trap 'exit 0' TERM; cd /tmp; echo $WORD >index.html; httpd -f -v -p 8080 & wait"]
"""
ASK = (
    "ip=$(docker inspect -f '{{.NetworkSettings.IPAddress}}' $(docker ps -q)); "
    "until curl -fs http://$ip:8080/; do :; done"
)


@pytest.fixture
def registry(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Iterator[Registry]:
    """Serve a base image and a service."""
    with running(tmp_path_factory.mktemp("registry")) as found:
        built, _ = engine.client.images.build(fileobj=io.BytesIO(SERVICE.encode()), rm=True)
        found.push(str(built.id), "services/web:1")
        found.push(f"{SAMPLES}/debian-devspace", "bases/devspace:1")
        yield found


@pytest.fixture
def workspace(engine: Engine) -> Iterator[str]:
    yield "certify-repro"
    with contextlib.suppress(APIError):
        engine.client.api.remove_container("certify-repro", v=True, force=True)


def test_a_workspace_of_two_approved_images(
    certify: Certify, registry: Registry, workspace: str, tmp_path: Path, engine: Engine
) -> None:
    base, service = f"{registry.host}/bases/devspace:1", f"{registry.host}/services/web:1"
    (tmp_path / "bases.txt").write_text(f"{base}\n", "utf-8")
    (tmp_path / "services.txt").write_text(f"{service} profile=service\n", "utf-8")
    assert certify("sweep", "bases.txt").code == 0
    # Without --base: the newest that the ledger knows.
    swept = certify("sweep", "services.txt", "--env", "WORD=here", "--format", "json")
    assert swept.code == 0, [(each.id, each.message) for each in swept.result.checks]

    assert certify("keys", "new", "--no-passphrase", "--out", "team").code == 0
    published = certify("publish", "--sign", "team.key")
    assert "2 approved, 0 revoked, 0 left out" in published.out, published.out
    for image, profile in ((base, "devspace"), (service, "service")):
        ended = certify("verify", image, "--key", "team.pub", "--profile", profile)
        assert (ended.code, ended.err) == (0, ""), ended.out

    # The sweep has removed what it pulled, so the commands have to bring both images.
    assert certify("reproduce", "--run", service, "--profile", "service", WORD="again").code == 0
    answer = subprocess.run(
        ["docker", "exec", workspace, "timeout", "60", "sh", "-c", ASK],
        check=True, capture_output=True,
    )  # fmt: skip
    assert answer.stdout == b"again\n"
    used = engine.client.api.inspect_container(workspace)["Config"]["Image"]
    assert used == base
