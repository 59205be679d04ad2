"""A failure that no signature knows: what is shown of it is enough to go on with."""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterator

import pytest

from certify.engine.client import Engine
from tests.conftest import SAMPLES, Certify

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]

# Before packages are installed apt asks a hook, which says what certify has never heard of.
GREMLINS = f"""
FROM {SAMPLES}/debian
RUN printf '#!/bin/sh\\necho the frobnicator is full of gremlins\\nexit 7\\n' \
    >/usr/local/sbin/hook \
 && chmod 0755 /usr/local/sbin/hook \
 && echo 'DPkg::Pre-Install-Pkgs {{"/usr/local/sbin/hook";}};' >/etc/apt/apt.conf.d/99hook
"""


@pytest.fixture
def gremlins(engine: Engine) -> Iterator[str]:
    name = f"certify-test/gremlins-{secrets.token_hex(4)}:1"
    engine.client.images.build(fileobj=io.BytesIO(GREMLINS.encode()), tag=name, rm=True)
    yield name
    engine.client.images.remove(name, force=True)


def test_an_unknown_failure_shows_its_telling_lines(certify: Certify, gremlins: str) -> None:
    ended = certify("run", "--profile", "plain", "--pull", "never", gremlins)
    assert ended.code == 1, ended.err
    shown = ended.out[ended.out.index("✗ packages.install failed") :]
    assert "could not be installed" in shown
    evidence = [line.strip() for line in shown.splitlines() if line.startswith("    ")]
    assert evidence[0].startswith("$ DEBIAN_FRONTEND=noninteractive apt-get install")
    assert "the frobnicator is full of gremlins" in evidence
    assert "E: Failure running script /usr/local/sbin/hook" in evidence
    assert not [line for line in evidence if "apt-get purge" in line], "that ended well"
