"""`certify keys` as people call it: a pair that signs, nothing overwritten, no secret shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Certify


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_pair_is_made_and_signs(certify: Certify) -> None:
    made = certify("keys", "new", "--out", "mine", CERTIFY_PASSPHRASE="hush-hush")
    assert made.code == 0, made.err
    keyid = made.out.split()[-1]
    assert certify("keys", "show", "mine.pub").out.startswith(keyid)
    shown = certify("keys", "show", "mine.key", CERTIFY_PASSPHRASE="hush-hush")
    assert shown.out == certify("keys", "show", "mine.pub").out
    assert b"ENCRYPTED" in Path("mine.key").read_bytes()
    assert "hush" not in made.out + made.err + shown.out + shown.err
    again = certify("keys", "new", "--out", "mine", "--no-passphrase")
    assert (again.code, "no key is ever overwritten" in again.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["new", "--out", "x"], "there is no terminal to ask for it"),
        (["new", "--out", "x", "--passphrase-file", "none"], "No such file"),
        (["new", "--out", "x", "--passphrase-file", "empty"], "its first line is empty"),
        (["new", "--out", "x", "--passphrase-file", "w", "--no-passphrase"], "exclude each other"),
        (["new", "--out", "x", "--type", "rsa"], "--type"),
        (["new", "--out", "empty/x", "--no-passphrase"], "cannot be written: File exists"),
        (["new", "--out", ".", "--no-passphrase"], "--out . is a folder, not a name"),
        (["new", "--out", "", "--no-passphrase"], "--out . is a folder, not a name"),
        (["new", "--out", "/", "--no-passphrase"], "--out / is a folder, not a name"),
        (["new", "--out", "a/..", "--no-passphrase"], "--out a/.. is a folder, not a name"),
        (["show", "none"], "No such file"),
        (["show", "empty"], "is no public key"),
    ],
)
def test_a_key_that_cannot_be_made_or_shown(certify: Certify, words: list[str], said: str) -> None:
    Path("empty").write_text("\n")
    ended = certify("keys", *words)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert not Path("x.key").exists()
