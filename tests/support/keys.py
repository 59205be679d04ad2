"""Pairs of keys for the tests of signing; all signatures are real."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from certify.signing.keys import PrivateKey, new_pair, read_private

MakePair = Callable[..., tuple[Path, Path]]


@pytest.fixture(scope="session")
def make_pair(tmp_path_factory: pytest.TempPathFactory) -> MakePair:
    """Makes a pair of keys; the paths of the private and of the public one."""

    def make(kind: Any = "ecdsa", passphrase: bytes | None = None) -> tuple[Path, Path]:
        folder = tmp_path_factory.mktemp("keys")
        private, public = folder / "a.key", folder / "a.pub"
        for path, pem in zip((private, public), new_pair(kind, passphrase), strict=True):
            path.write_bytes(pem)
        return private, public

    return make


@pytest.fixture(scope="session", params=["ecdsa", "ed25519"])
def pair(request: pytest.FixtureRequest, make_pair: MakePair) -> tuple[Path, Path]:
    """A pair of each kind, unencrypted."""
    return make_pair(request.param)


def private_key(path: Path) -> PrivateKey:
    return read_private(path, lambda: b"")
