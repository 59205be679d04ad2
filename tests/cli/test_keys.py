"""`certify keys` as people call it: a pair that signs, nothing overwritten, no secret shown."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

import pytest

from tests.conftest import Certify, command


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
        (["new", "--out", "x"], "there is no terminal to ask at"),
        (["new", "--out", "x", "--passphrase-file", "none"], "No such file"),
        (["new", "--out", "x", "--passphrase-file", "empty"], "its first line is empty"),
        (["new", "--out", "x", "--passphrase-file", "w", "--no-passphrase"], "exclude each other"),
        (["new", "--out", "x", "--type", "rsa"], "--type"),
        (["new", "--out", "empty/x", "--no-passphrase"], "cannot be written: File exists"),
        (["new", "--out", ".", "--no-passphrase"], "--out . is a folder, and no name"),
        (["new", "--out", "", "--no-passphrase"], "--out . is a folder, and no name"),
        (["new", "--out", "/", "--no-passphrase"], "--out / is a folder, and no name"),
        (["new", "--out", "a/..", "--no-passphrase"], "--out a/.. is a folder, and no name"),
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


def typed(words: list[str], lines: list[str]) -> tuple[int, str]:
    """Run a command at a terminal, type lines, and tell what the terminal showed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, command(*words))
    shown = b""
    waiting = list(lines)
    while True:
        try:
            shown += os.read(terminal, 4096)
        except OSError:
            break
        if waiting and shown.rstrip().endswith(b":"):
            os.write(terminal, waiting.pop(0).encode() + b"\n")
            shown += b"<typed>"
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


def test_at_a_terminal_the_passphrase_is_asked_for_twice_and_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CERTIFY_PASSPHRASE", raising=False)
    code, shown = typed(["keys", "new", "--out", "mine"], ["hush-hush", "hush-hush"])
    assert (code, shown.count("<typed>")) == (0, 2), shown
    assert "hush" not in shown
    code, shown = typed(["keys", "show", "mine.key"], ["wrong"])
    assert (code, "does not open with this passphrase" in shown) == (2, True)
    code, shown = typed(["keys", "show", "mine.key"], ["hush-hush"])
    assert (code, "BEGIN PUBLIC KEY" in shown) == (0, True)


@pytest.mark.parametrize("typing", ["\x03", "\x04"], ids=["Ctrl-C", "Ctrl-D"])
def test_whoever_does_not_type_a_passphrase_interrupts(
    monkeypatch: pytest.MonkeyPatch, typing: str
) -> None:
    monkeypatch.delenv("CERTIFY_PASSPHRASE", raising=False)
    code, shown = typed(["keys", "new", "--out", "mine"], [typing])
    assert (code, "interrupted" in shown) == (130, True), shown
    assert not list(Path().glob("mine.*"))
