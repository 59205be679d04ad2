"""The command itself: help, exit codes, wrong usage, and output that nobody reads."""

from __future__ import annotations

import errno
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from certify import __version__
from certify.cli.help import pages
from certify.cli.main import Certify, main
from tests.conftest import Certify as RunsCertify
from tests.conftest import command

NOWHERE = {"DOCKER_HOST": "unix:///nonexistent/engine.sock"}
COMMANDS = sorted(main.commands)
FULL = Path("/dev/full")
SHORT, LONG, STYLED = ["--version"], ["matrix", "--help"], ["profiles"]
every_command = pytest.mark.parametrize("name", [*COMMANDS, "keys new", "keys show"])


def command_of(name: str) -> click.Command:
    """Return a command or subcommand by its words."""
    found: click.Command = main
    for word in name.split():
        assert isinstance(found, click.Group)
        found = found.commands[word]
    return found


# Help


def help_of(name: str) -> str:
    shown = CliRunner().invoke(main, [*name.split(), "--help"], terminal_width=80)
    assert shown.exit_code == 0
    return shown.output


@every_command
def test_help_has_an_example_and_explains_every_option(name: str) -> None:
    shown = help_of(name)
    assert re.search(r"^  Examples?:$", shown, re.MULTILINE)
    assert max(map(len, shown.splitlines())) <= 80
    found = command_of(name)
    for option in found.params:
        if isinstance(option, click.Option):
            assert option.help, option.name
    assert found.get_short_help_str(100)[-1] == "."


def test_the_list_of_commands_is_whole_on_a_narrow_terminal() -> None:
    listed = (
        CliRunner().invoke(main, ["--help"], terminal_width=80).output.partition("Commands:")[2]
    )
    assert listed.count("\n") > len(COMMANDS)
    assert "..." not in listed


@every_command
def test_the_examples_are_valid_command_lines(name: str) -> None:
    lines = re.findall(r"^    (certify .+)$", help_of(name), re.MULTILINE)
    assert lines
    for line in lines:
        program, *words = shlex.split(re.split(r" [|>]", line)[0], comments=True)
        assert program == "certify"
        subcommand = words[0] if words[0] in main.commands else "run"
        arguments = words[1:] if words[0] in main.commands else words
        with main.commands[subcommand].make_context(subcommand, list(arguments)):
            pass


def test_the_command_alone_prints_its_help(certify: RunsCertify) -> None:
    alone, asked = certify(), certify("--help")
    assert asked.code == 0
    assert (alone.code, alone.out) == (2, "")
    assert alone.err == asked.out
    assert all(f"  {name}" in asked.out for name in COMMANDS)
    assert "certify ubuntu:22.04" in asked.out


def test_the_version(certify: RunsCertify) -> None:
    assert certify("--version").out == f"certify, version {__version__}\n"
    assert certify("-V").out == certify("--version").out


def test_a_word_near_a_command_is_no_image(certify: RunsCertify) -> None:
    ended = certify("swepp")
    assert ended.code == 2
    assert "swepp is not a command. Did you mean sweep?" in ended.err
    assert "certify swepp:latest" in ended.err


@pytest.mark.parametrize(
    "words",
    [
        ("-q", "sweep", "images.txt"),
        ("--format", "json", "verify", "debian:12"),
        ("debian", "matrix"),
    ],
)
def test_a_command_after_its_options_is_no_image(
    certify: RunsCertify, words: tuple[str, ...]
) -> None:
    ended = certify(*words)
    assert (ended.code, ended.out) == (2, "")
    assert "is a command, and comes first" in ended.err


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_any_encoding_of_the_terminal_will_do(certify: RunsCertify, encoding: str) -> None:
    shown = certify("profiles", "plain", PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert shown.code == 0
    assert "Base image with a working package manager" in shown.out
    assert shown.out.isascii() is (encoding == "ascii")


# Wrong usage: exit 2, one message, and nothing was run


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    """Run the command in an empty folder, in this process; return its one complaint."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> str:
        ended = CliRunner().invoke(main, list(words), env=NOWHERE)
        assert isinstance(ended.exception, SystemExit), ended.exception
        assert (ended.exit_code, ended.stdout) == (2, "")
        complaints = [
            line for line in ended.stderr.splitlines() if line.startswith(("certify: ", "Error: "))
        ]
        assert len(complaints) == 1, ended.stderr
        return ended.stderr

    return run


Refuse = Callable[..., str]


def test_a_complaint_of_the_real_command(certify: RunsCertify, tmp_path: Path) -> None:
    ended = certify("run", "Debian:12", **NOWHERE)
    assert (ended.code, ended.out) == (2, "")
    assert len(ended.err.splitlines()) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["checks", "dockerd.contaner"], "Did you mean dockerd.container?"),
        (["checks", "Image.os"], "Did you mean image.os?"),
        (["checks", "nothing like it"], "`certify checks` lists them."),
        (["profiles", "devspase"], "Did you mean 'devspace'?"),
        (["profiles", "zzz"], "The profiles are: "),
        (["run", "--profile", "devspase", "debian"], "Did you mean 'devspace'?"),
        (["run", "--profile", "plain", "--profile", "zzz", "debian"], "'zzz'"),
    ],
)
def test_an_unknown_name(refuse: Refuse, words: list[str], said: str) -> None:
    assert said in refuse(*words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run"], "Missing argument 'IMAGE...'"),
        (["Debian:12"], "upper-case"),
        (["run", "debian:12", "deb ian"], "'deb ian' is not an image reference"),
        (["run", "--memory", "lots", "debian"], "'lots' is not a size; expected for example"),
        (["run", "--memory", "0", "debian"], "'0' is not a size"),
        (["run", "--memory", "-1g", "debian"], "is not a size"),
        (["run", "--platform", "amd64", "debian"], "expected for example linux/arm64"),
        (["run", "--platform", "windows/amd64", "debian"], "'windows/amd64' is not a platform"),
        (["run", "--platform", "linux/arm/v7/x", "debian"], "is not a platform"),
        (["run", "--timeout", "0", "debian"], "--timeout"),
        (["run", "--timeout", "soon", "debian"], "--timeout"),
        (["run", "--timeout", "nan", "debian"], "'nan' is not a finite number"),
        (["sweep", "--timeout", "inf", "list"], "'inf' is not a finite number"),
        (["fix", "--cpus", "-inf", "debian"], "--cpus"),
        (["run", "--cpus", "nan", "debian"], "'nan' is not a finite number"),
        (["run", "--cpus", "1e999", "debian"], "'1e999' is not a finite number"),
        (["run", "--cpus", "0", "debian"], "--cpus"),
        (
            ["run", "--isolation", "none", "debian"],
            "'privileged', 'sysbox', 'userns'",
        ),
        (["run", "--pull", "sometimes", "debian"], "--pull"),
        (["run", "--format", "yaml", "debian"], "'text', 'json', 'junit'"),
        (["run", "--no-such-option", "debian"], "--no-such-option"),
        (["run", "--checks", "empty", "debian"], "no test_*.py file is in that folder"),
        (["run", "--checks", "nowhere", "debian"], "--checks nowhere"),
        (["checks", "a.b", "c.d"], "unexpected extra argument"),
        (["matrix", "--format", "xml"], "--format"),
    ],
)
def test_wrong_usage(refuse: Refuse, tmp_path: Path, words: list[str], said: str) -> None:
    (tmp_path / "empty").mkdir()
    assert said in refuse(*words)
    assert {path.name for path in tmp_path.iterdir()} == {"empty"}, "nothing was run"


def test_a_misspelled_name_is_escaped(refuse: Refuse) -> None:
    assert "\x1b" not in refuse("run", "debian\x1b[31m")
    assert "\x1b" not in refuse("checks", "image\x1b[31m")


def test_every_error_in_a_profile_of_a_user_has_its_line(refuse: Refuse, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("name = 1")
    assert "mine.toml: title: is missing" in refuse("run", "--profile", "mine.toml", "x")


# Errors, interrupts, and output that nobody reads


@pytest.fixture
def broken_pipe() -> Iterator[int]:
    """Return a pipe that nobody reads from."""
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
def test_a_closed_pipe_gets_no_message(words: list[str], broken_pipe: int) -> None:
    ended = subprocess.run(command(*words), stdout=broken_pipe, stderr=subprocess.PIPE, check=False)
    assert (ended.returncode, ended.stderr) == (3, b"")


def test_standard_error_may_fail_too() -> None:
    with FULL.open("wb") as full:
        ended = subprocess.run(command(*STYLED), stdout=full, stderr=full, check=False)
    assert ended.returncode == 3


def end_with(trouble: BaseException) -> Result:
    """Run a command that raises an exception."""

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
        (click.FileError("a/b", "no such folder"), 3, "'a/b': no such folder"),
        (click.ClickException("what click adds one day"), 3, "what click adds one day"),
        (SystemExit(1), 1, ""),
    ],
)
def test_only_a_verdict_ends_with_1(trouble: BaseException, code: int, said: str) -> None:
    ended = end_with(trouble)
    assert (ended.exit_code, ended.stdout) == (code, "beforehand")
    assert said in ended.stderr
    assert ("Traceback" in ended.stderr) == isinstance(trouble, ZeroDivisionError)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["sweep", "--jbos", "3"], "No such option '--jbos'."),
        (["revoke", "a"], "Missing option '--reason'."),
        (["sweep", "missing.txt"], "missing.txt: No such file"),
        (["matrix", "--ledger", "x://y"], "not the address of a ledger"),
        (["run", "Bad:Ref"], "not an image reference: repository 'Bad' has upper-case letters"),
        (["publish", "--attach"], "--attach needs --sign"),
        (["verify", "a", "--platform", "x y"], "--platform 'x y'"),
        (["forget", "https://a/b"], "references are no URLs"),
        (["shedule"], "shedule is not a command. Did you mean schedule?"),
        (["swpe"], "swpe is not a command. Did you mean sweep?"),
        (["rnu"], "rnu is not a command. Did you mean run?"),
        (["diff", "debian:12"], "Nothing is recorded yet"),
        (["suggest", "--needs", "a b"], "--needs: 'a b' is no name"),
        (["reproduce", "debian:12"], ""),
        (["history", "debian:12"], ""),
    ],
)
def test_errors_have_one_shape(
    words: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a checkout in which certify ran has a ledger
    ended = CliRunner().invoke(main, words)
    first, second = ended.stderr.splitlines()
    assert (ended.exit_code in (2, 3), ended.stdout) == (True, "")
    assert first.startswith("certify: ")
    assert told in first
    assert second.startswith("  ")
    does = second.strip() + first.partition("a correct example: ")[2]
    assert (found := re.search(r"`certify help ([a-z-]+)\.md`", does)), second
    assert found[1] in pages()
    assert re.sub(r"More: `.+`\.", "", does), "what to do"
