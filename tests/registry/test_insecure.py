"""Registries that an engine is configured to reach without trusted TLS."""

from __future__ import annotations

import pytest

from certify.registry.insecure import is_insecure


@pytest.mark.parametrize(
    ("host", "insecure"),
    [("plain.invalid:5000", True), ("10.9.8.7:5000", True), ("10.8.0.1:5000", False),
     ("secure.invalid", False), ("other.invalid", False)],
)  # fmt: skip
def test_the_engine_says_which_registries_are_insecure(host: str, insecure: bool) -> None:
    told = {
        "IndexConfigs": {"plain.invalid:5000": {"Secure": False}, "secure.invalid": {"Secure": 1}},
        "InsecureRegistryCIDRs": ["10.9.0.0/16", "127.0.0.0/8"],
    }
    assert is_insecure(host, {"RegistryConfig": told}) is insecure
