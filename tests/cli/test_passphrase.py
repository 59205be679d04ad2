"""The passphrase of a private key, from the terminal, a file or the environment."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

import pytest

from certify.cli.passphrase import new_passphrase, passphrase_reader
from certify.model.errors import BadKey
from tests.conftest import command


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CERTIFY_PASSPHRASE", raising=False)


def test_a_file_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CERTIFY_PASSPHRASE", "from the environment")
    Path("file").write_bytes(b"from the file\r\nsecond line\n")
    assert passphrase_reader(Path("file"))() == b"from the file"
    assert new_passphrase(None) == b"from the environment"


@pytest.mark.parametrize(
    ("content", "message"), [(b"\n", "its first line is empty"), (None, "No such file")]
)
def test_a_file_without_a_passphrase(content: bytes | None, message: str) -> None:
    if content is not None:
        Path("file").write_bytes(content)
    with pytest.raises(BadKey, match=message):
        passphrase_reader(Path("file"))()


def typed(words: list[str], lines: list[str]) -> tuple[int, str]:
    """Run a command at a terminal and type lines; return its exit code and what was shown."""
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


def test_the_terminal_asks_twice_and_shows_nothing(
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
def test_leaving_the_prompt_interrupts(monkeypatch: pytest.MonkeyPatch, typing: str) -> None:
    monkeypatch.delenv("CERTIFY_PASSPHRASE", raising=False)
    code, shown = typed(["keys", "new", "--out", "mine"], [typing])
    assert (code, "interrupted" in shown) == (130, True), shown
    assert not list(Path().glob("mine.*"))
