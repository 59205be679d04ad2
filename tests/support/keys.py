"""Pairs of keys for the tests of signing; all signatures are real."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from certify.model.result import Result
from certify.signing.attachments import Attachment
from certify.signing.attestations import Attestations, Signer, result_attachments
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


def write_keys(
    kind: Any = "ed25519", passphrase: bytes | None = None, *, name: str = "team"
) -> None:
    """Write a new pair to ``NAME.key`` and ``NAME.pub`` in the current folder."""
    private, public = new_pair(kind, passphrase)
    Path(f"{name}.key").write_bytes(private)
    Path(f"{name}.pub").write_bytes(public)


@pytest.fixture
def two_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with two key pairs, and state and cache folders of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("team", "other"):
        write_keys("ecdsa", name=name)


def private_key(path: Path) -> PrivateKey:
    return read_private(path, lambda: b"")


def signed(
    result: Result, key: PrivateKey, previous: Callable[[str], bytes | None] = lambda _: None
) -> dict[str, bytes]:
    """The file with the bundle of a certificate, by its name."""
    return dict(Attestations(Signer(key, previous), (), Path()).files([result]))


def attachments_of(result: Result, key: PrivateKey) -> list[Attachment]:
    """The certificate of an image, signed anew, as it would be attached."""
    (bundle,) = signed(result, key).values()
    return [*result_attachments(result, lambda: bundle, key.public_key())]
