"""How commands end where nobody reads what they print, or somebody wants them to end."""

from __future__ import annotations

import errno
import os
import pty
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from certify.cli.main import Certify
from tests.conftest import command
from tests.support.waiting import eventually

FULL = Path("/dev/full")
SHORT, LONG, STYLED = ["--version"], ["matrix", "--help"], ["checks"]


@pytest.fixture
def broken() -> Iterator[int]:
    """A pipe that nobody reads from."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@pytest.mark.parametrize("words", [SHORT, LONG, STYLED])
def test_a_full_disk_rejects_nothing(words: list[str]) -> None:
    with FULL.open("wb") as full:
        ended = subprocess.run(command(*words), stdout=full, stderr=subprocess.PIPE, check=False)
    assert ended.returncode == 3
    assert ended.stderr == b"certify: input or output failed: No space left on device\n"


@pytest.mark.parametrize("words", [SHORT, LONG, STYLED])
def test_who_stops_reading_is_told_nothing(words: list[str], broken: int) -> None:
    ended = subprocess.run(command(*words), stdout=broken, stderr=subprocess.PIPE, check=False)
    assert (ended.returncode, ended.stderr) == (3, b"")


def test_nor_does_it_matter_where_nothing_at_all_can_be_said() -> None:
    with FULL.open("wb") as full:
        ended = subprocess.run(command(*STYLED), stdout=full, stderr=full, check=False)
    assert ended.returncode == 3


@pytest.mark.parametrize("key", [b"\x03", b"\x04"], ids=["^C", "^D"])
def test_who_leaves_at_a_prompt_interrupts(tmp_path: Path, key: bytes) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        os.environ.pop("CERTIFY_PASSPHRASE", None)
        words = command("keys", "new", "--out", "team")
        os.execv(words[0], words)
    shown = b""
    while b"Passphrase" not in shown:
        shown += os.read(terminal, 1000)
    # The prompt stands before the terminal is silenced, which forgets what was typed until then.
    eventually(lambda: not termios.tcgetattr(terminal)[3] & termios.ECHO)
    os.write(terminal, key)
    while piece := _read(terminal):
        shown += piece
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(terminal)
    assert b"Traceback" not in shown
    assert list(tmp_path.iterdir()) == []
    assert code == 130


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1000)
    except OSError:  # Linux: nobody has the other side open any more
        return b""


def ending(trouble: BaseException) -> Result:
    """How a command ends in which this is raised."""

    @click.command()
    def tried() -> None:
        click.echo("before", nl=False)
        sys.stdout.write("hand")
        raise trouble

    return CliRunner().invoke(Certify(commands={"tried": tried}), ["tried"])


@pytest.mark.parametrize(
    ("trouble", "code", "said"),
    [
        (click.Abort(), 130, "certify: interrupted"),
        (KeyboardInterrupt(), 130, "certify: interrupted"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), 3, "input or output failed: reset"),
        (FileNotFoundError(errno.ENOENT, "No such file", "a\x1b[1m"), 3, "certify: a: No such"),
        (ZeroDivisionError("what nobody foresaw"), 3, "what nobody foresaw"),
        (click.UsageError("no such thing"), 2, "no such thing"),
        (SystemExit(1), 1, ""),
    ],
)
def test_only_a_verdict_ends_with_1(trouble: BaseException, code: int, said: str) -> None:
    ended = ending(trouble)
    assert (ended.exit_code, ended.stdout) == (code, "beforehand")
    assert said in ended.stderr
    assert ("Traceback" in ended.stderr) == isinstance(trouble, ZeroDivisionError)
