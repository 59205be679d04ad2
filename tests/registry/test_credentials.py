"""Logins as `docker login` left them, and what becomes of such as cannot be had."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from pathlib import Path

import pytest

from certify.model.errors import ImageUnavailable, UsageError
from certify.model.terms import Fault
from certify.registry.credentials import configuration, for_engine, login
from certify.registry.tokens import IDENTITY, Login

HOST = "registry.invalid"
PAIR = b64encode(b"me:secret").decode()


def configured(monkeypatch: pytest.MonkeyPatch, folder: Path, settings: object) -> None:
    text = settings if isinstance(settings, str) else json.dumps(settings)
    (folder / "config.json").write_text(text)
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))


def helped(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """A helper for all registries that does what the script says."""
    configured(monkeypatch, folder, {"credsStore": "mine"})
    program = folder / "docker-credential-mine"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ({"auth": PAIR}, ("me", "secret")),
        ({"auth": b64encode(b"me:se:cret").decode()}, ("me", "se:cret")),
        ({"identitytoken": "long", "auth": PAIR}, (IDENTITY, "long")),
        ({}, None),
    ],
)
def test_what_docker_wrote(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, entry: dict[str, str], found: Login | None
) -> None:
    configured(monkeypatch, tmp_path, {"auths": {HOST: entry}})
    assert login(HOST) == found
    assert login("other.invalid") is None


def test_docker_hub_has_a_name_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    configured(monkeypatch, tmp_path, {"auths": {"https://index.docker.io/v1/": {"auth": PAIR}}})
    assert login("docker.io") == ("me", "secret")


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ({"Username": "me", "Secret": "secret"}, ("me", "secret")),
        ({"Username": "<token>", "Secret": "long"}, (IDENTITY, "long")),
    ],
)
def test_what_a_helper_tells(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: dict[str, str], found: Login
) -> None:
    helped(monkeypatch, tmp_path, f"echo '{json.dumps({'ServerURL': HOST, **answer})}'")
    assert login(HOST) == found


def test_a_helper_that_knows_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    helped(monkeypatch, tmp_path, "echo 'credentials not found in native keychain'; exit 1")
    assert login(HOST) is None


@pytest.mark.parametrize("script", ["exit 3", "echo nonsense", "echo '[]'", "echo '{}'"])
def test_a_helper_that_fails_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str
) -> None:
    helped(monkeypatch, tmp_path, script)
    with pytest.raises(ImageUnavailable, match="docker-credential-mine") as caught:
        login(HOST)
    assert caught.value.fault is Fault.TOOL
    assert str(tmp_path / "config.json") in caught.value.remedy


def test_a_helper_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    configured(monkeypatch, tmp_path, {"credHelpers": {HOST: "not-installed"}})
    with pytest.raises(ImageUnavailable, match="docker-credential-not-installed"):
        login(HOST)
    assert login("other.invalid") is None


@pytest.mark.parametrize(
    "settings", ["{", "[]", '{"auths": 3}', '{"auths": {"a": {"auth": "%"}}}', '{"auths": []}']
)
def test_a_configuration_that_is_none_is_wrong_usage_or_has_no_login(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: str
) -> None:
    configured(monkeypatch, tmp_path, settings)
    try:
        found = login(HOST)
    except UsageError as error:
        assert str(tmp_path / "config.json") in error.message
        assert error.remedy
    else:
        assert found is None


def test_a_login_that_is_no_pair_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    configured(monkeypatch, tmp_path, {"auths": {HOST: {"auth": b64encode(b"nobody").decode()}}})
    with pytest.raises(UsageError, match=r"config\.json: its logins cannot be read"):
        configuration()


@pytest.mark.parametrize(
    ("found", "sent"),
    [
        (None, {}),
        (("me", "secret"), {"username": "me", "password": "secret"}),
        ((IDENTITY, "long"), {"identitytoken": "long"}),
    ],
)
def test_as_the_engine_takes_it(found: Login | None, sent: dict[str, str]) -> None:
    assert for_engine(found) == sent
