"""Signing and attaching, as options of ``certify publish`` and ``certify revoke``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from certify.cli.main import main
from certify.ledger.store import Ledger
from tests.factories import a_certificate, digest
from tests.support.keys import write_keys

PIN = f"registry.invalid/team/app@{digest(1)}"


@pytest.fixture(autouse=True)
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """Work in a folder with one certificate."""
    monkeypatch.chdir(tmp_path)
    with Ledger.open("reports/certify.db") as found:
        found.record(a_certificate())
        yield found


def run(*words: str, passphrase: str | None = None) -> Result:
    return CliRunner().invoke(main, list(words), env={"CERTIFY_PASSPHRASE": passphrase})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--attach"], "--attach needs --sign"),
        (["--sign", "team.key", "--unsigned"], "exclude each other"),
        (["--sign", "team.pub"], "is a public key, which cannot sign"),
        (["--sign", "none.key"], "No such file"),
    ],
)
def test_contradicting_options(words: list[str], said: str) -> None:
    write_keys()
    ended = run("publish", *words)
    assert (ended.exit_code, said in ended.stderr) == (2, True), ended.stderr
    assert not Path("reports/approved-images.json").exists()


@pytest.mark.parametrize("words", [["publish"], ["revoke", PIN, "--reason", "x"]])
def test_unreadable_logins_are_reported_before_anything_is_done(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    write_keys()
    Path("config.json").write_text('{"auths": {"registry.invalid": "broken"}}')
    monkeypatch.setenv("DOCKER_CONFIG", str(Path.cwd()))
    ended = run(*words, "--sign", "team.key", "--attach")
    assert (ended.exit_code, "its logins cannot be read" in ended.stderr) == (2, True)
    assert not Path("reports/approved-images.json").exists()
    assert ledger.revocations.in_force() == ()
    assert run(*words, "--sign", "team.key").exit_code == 0, "without --attach nobody logs in"


def test_a_key_that_others_may_read_is_reported() -> None:
    write_keys()
    Path("team.key").chmod(0o640)
    assert (
        "others may read team.key: `chmod 600 team.key`"
        in run("publish", "--sign", "team.key").stderr
    )
    Path("team.key").chmod(0o600)
    assert run("publish", "--sign", "team.key").stderr == ""


def test_an_encrypted_key_opens_with_its_passphrase_alone() -> None:
    write_keys(passphrase=b"open sesame")
    for passphrase, said in ((None, "there is no terminal"), ("wrong", "does not open with this")):
        ended = run("publish", "--sign", "team.key", passphrase=passphrase)
        assert (ended.exit_code, said in ended.stderr) == (2, True), ended.stderr
    assert run("publish", "--sign", "team.key", passphrase="open sesame").exit_code == 0
    verified = run("verify", PIN, "--key", "team.pub", "--profile", "plain")
    assert verified.exit_code == 0, verified.output
    secrets = (b"open sesame", b"PRIVATE KEY")
    for file in Path("reports").rglob("*"):
        if file.is_file():
            assert not any(secret in file.read_bytes() for secret in secrets), file
