"""What clients share of TLS, and what each has for itself."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from certify.util.http import HttpClient
from certify.util.tls import system_trust, trust
from tests.support.misbehaving import Reply, serving


def test_what_the_system_trusts_is_read_once(tmp_path: Path) -> None:
    assert trust(tmp_path / "none") is trust(tmp_path) is system_trust()
    assert system_trust().verify_mode is ssl.CERT_REQUIRED
    assert system_trust().check_hostname


@pytest.mark.parametrize("name", ["ca.crt", "client.cert"])
def test_a_folder_with_certificates_has_a_context_of_its_own(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("nonsense")
    with pytest.raises(ValueError, match=rf"{name} cannot be used"):
        trust(tmp_path)


def test_whoever_trusts_anyone_changes_nothing_for_others(tmp_path: Path) -> None:
    anyone = trust(tmp_path, verify=False)
    assert anyone.get_ca_certs() == [], "none is read in vain"
    assert anyone is not trust(tmp_path, verify=False)
    with serving(lambda _method, _path: Reply(200)) as port, HttpClient(2, context=anyone) as lax:
        lax.request("GET", f"http://127.0.0.1:{port}/")
    assert (anyone.verify_mode, anyone.check_hostname) == (ssl.CERT_NONE, False)
    assert (system_trust().verify_mode, system_trust().check_hostname) == (ssl.CERT_REQUIRED, True)
