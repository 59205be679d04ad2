"""What is signed and attached, verified by cosign itself (scripts/cosign gets it)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from certify.registry.client import Registry as Client
from certify.registry.referrers import Referrers
from certify.signing.attachments import attach_all
from certify.signing.statements import TEST_RESULT
from tests.factories import a_certificate, digest
from tests.support.keys import MakePair, attachments_of, private_key, signed
from tests.support.registries import free_port, running

COSIGN = Path(__file__).parents[2] / ".cache" / "cosign"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not COSIGN.exists(), reason="needs cosign; make test-slow gets it"),
]


def cosign(*words: str) -> subprocess.CompletedProcess[str]:
    """Runs cosign, which shall reach this machine and no other."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    away = {"HTTPS_PROXY": nowhere, "HTTP_PROXY": nowhere, "NO_PROXY": "127.0.0.1"}
    flags = ("--insecure-ignore-tlog=true", "--type", TEST_RESULT)
    command = [str(COSIGN), *words, *flags]
    return subprocess.run(
        command, env=os.environ | away, capture_output=True, text=True, check=False
    )


def test_a_certificate_in_a_file(pair: tuple[Path, Path], make_pair: MakePair) -> None:
    private, public = pair
    bundle = public.with_name("bundle.json")
    (content,) = signed(a_certificate(), private_key(private)).values()
    bundle.write_bytes(content)

    def verified(key: Path, number: int) -> bool:
        words = ("--bundle", str(bundle), "--digestAlg", "sha256", "--key", str(key))
        hexadecimal = digest(number).removeprefix("sha256:")
        return cosign("verify-blob-attestation", *words, "--digest", hexadecimal).returncode == 0

    assert verified(public, 1), "by the index"
    assert verified(public, 2), "by the platform's manifest"
    assert not verified(public, 3)
    assert not verified(make_pair()[1], 1)


def test_a_certificate_in_a_registry(
    pair: tuple[Path, Path], make_pair: MakePair, tmp_path: Path
) -> None:
    private, public = pair
    with running(tmp_path) as registry:
        found = registry.seed("team/app", "1")
        image = {"registry": registry.host, "digest": found, "manifest_digest": found}
        result = a_certificate(image=image)
        with Client(registry.host, lambda _: None) as client:
            there = Referrers(client, "team/app")
            mine = attachments_of(result, private_key(private))
            assert attach_all(mine, lambda _host, _name: there) == 1

        def verified(key: Path) -> bool:
            words = ("--allow-http-registry", "--key", str(key), f"{registry.host}/team/app:1")
            return cosign("verify-attestation", *words).returncode == 0

        assert verified(public)
        assert not verified(make_pair()[1])
