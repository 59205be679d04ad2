"""What the command says of itself, and of words that it does not understand."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from certify import __version__
from certify.cli.main import main
from certify.judge.profiles import load, shipped
from certify.ledger.store import Ledger
from certify.suite.catalogue import claims
from tests.conftest import Certify

NOWHERE = {"DOCKER_HOST": "unix:///nonexistent/engine.sock"}
COMMANDS = sorted(main.commands)
every_command = pytest.mark.parametrize("name", COMMANDS)


def test_the_commands_of_the_contract_are_there() -> None:
    assert {"run", "matrix", "checks", "profiles", "clean"} <= set(COMMANDS)


# Help


def help_of(*words: str) -> str:
    shown = CliRunner().invoke(main, [*words, "--help"], terminal_width=80)
    assert shown.exit_code == 0
    return shown.output


@every_command
def test_help_has_an_example_and_explains_every_option(name: str) -> None:
    shown = help_of(name)
    assert re.search(r"^  Examples?:$", shown, re.MULTILINE)
    assert max(map(len, shown.splitlines())) <= 80
    for option in main.commands[name].params:
        if isinstance(option, click.Option):
            assert option.help, option.name
    assert main.commands[name].get_short_help_str(100)[-1] == "."


@every_command
def test_the_examples_are_command_lines_that_it_understands(name: str) -> None:
    lines = re.findall(r"^    (certify .+)$", help_of(name), re.MULTILINE)
    assert lines
    for line in lines:
        program, *words = shlex.split(line.partition(" >")[0], comments=True)
        assert program == "certify"
        subcommand = words[0] if words[0] in main.commands else "run"
        arguments = words[1:] if words[0] in main.commands else words
        with main.commands[subcommand].make_context(subcommand, list(arguments)):
            pass


def test_the_command_alone_explains_itself(certify: Certify) -> None:
    alone, asked = certify(), certify("--help")
    assert asked.code == 0
    assert (alone.code, alone.out) == (2, "")
    assert alone.err == asked.out
    assert all(f"  {name}" in asked.out for name in COMMANDS)
    assert "certify ubuntu:22.04" in asked.out


def test_the_version(certify: Certify) -> None:
    assert certify("--version").out == f"certify, version {__version__}\n"


# Checks and profiles


def test_every_check_is_listed_with_its_claim(certify: Certify) -> None:
    listed = certify("checks")
    assert (listed.code, listed.err) == (0, "")
    assert max(map(len, listed.out.splitlines())) <= 80
    folded = " ".join(listed.out.split())
    for claim in claims().values():
        assert f"{claim.id} " in folded
    assert [line.split()[0] for line in listed.out.splitlines() if line[0] != " "] == list(claims())
    assert "dockerd.container" in listed.out
    assert claims()["image.os"].claim in folded


@pytest.mark.parametrize("check_id", ["dockerd.container", "image.os"])
def test_a_check_is_explained(certify: Certify, check_id: str) -> None:
    shown = certify("checks", check_id)
    claim = claims()[check_id]
    assert (shown.code, shown.err) == (0, "")
    folded = " ".join(shown.out.split())
    for text in (claim.id, claim.title, claim.claim, claim.why, claim.how, claim.remedy):
        assert text in folded
    for needed in claim.needs:
        assert f"Needs {needed}" in folded
    assert "\x1b" not in shown.out


def test_every_profile_is_listed(certify: Certify) -> None:
    listed = certify("profiles")
    assert (listed.code, listed.err) == (0, "")
    assert max(map(len, listed.out.splitlines())) <= 80
    names = [line.split()[0] for line in listed.out.splitlines() if line[0] != " "]
    assert names == list(shipped())


@pytest.mark.parametrize("name", ["devspace", "plain"])
def test_a_profile_is_shown_with_all_that_it_asks(certify: Certify, name: str) -> None:
    shown = certify("profiles", name)
    profile = load(name)
    assert (shown.code, shown.err) == (0, "")
    assert set(profile.checks) <= set(shown.out.split())
    assert profile.title in shown.out
    assert f"{profile.budgets.boot:g} s" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80


# Words that it does not understand: exit 2, one message, and nothing was run


@pytest.fixture
def said_no(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    """Runs the command in an empty folder, in this process; what it complained about, once."""
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


SaidNo = Callable[..., str]


def test_a_complaint_of_the_real_command(certify: Certify, tmp_path: Path) -> None:
    ended = certify("run", "Debian:12", **NOWHERE)
    assert (ended.code, ended.out) == (2, "")
    assert len(ended.err.splitlines()) == 1
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
def test_a_name_that_nobody_knows(said_no: SaidNo, words: list[str], said: str) -> None:
    assert said in said_no(*words)


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
        (["run", "--isolation", "none", "debian"], "'auto', 'caps', 'privileged', 'sysbox'"),
        (["run", "--pull", "sometimes", "debian"], "--pull"),
        (["run", "--format", "yaml", "debian"], "'text', 'json', 'junit'"),
        (["run", "--no-such-option", "debian"], "--no-such-option"),
        (["run", "--checks", "empty", "debian"], "no test_*.py file is in that folder"),
        (["run", "--checks", "nowhere", "debian"], "--checks nowhere"),
        (["checks", "a.b", "c.d"], "unexpected extra argument"),
        (["matrix", "--format", "xml"], "--format"),
    ],
)
def test_wrong_usage(said_no: SaidNo, tmp_path: Path, words: list[str], said: str) -> None:
    (tmp_path / "empty").mkdir()
    assert said in said_no(*words)
    assert {path.name for path in tmp_path.iterdir()} == {"empty"}, "nothing was run"


def test_what_is_misspelled_cannot_speak_to_the_terminal(said_no: SaidNo) -> None:
    assert "\x1b" not in said_no("run", "debian\x1b[31m")
    assert "\x1b" not in said_no("checks", "image\x1b[31m")


# What there is nothing of


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no results\n"),
        (["--profile", "plain"], "no results\n"),
        (["--format", "json"], '{\n  "schema": "certify/matrix/v1",\n  "rows": []\n}\n'),
        (["--format", "markdown"], "# Compatibility matrix\n\nno results\n"),
    ],
)
def test_the_matrix_of_an_empty_ledger(
    certify: Certify, tmp_path: Path, words: list[str], said: str
) -> None:
    Ledger.open(str(tmp_path / "reports" / "certify.db")).close()
    shown = certify("matrix", *words)
    assert (shown.code, shown.out, shown.err) == (0, said, "")


@pytest.mark.parametrize("words", [["matrix"], ["history", "debian:12"], ["diff"]])
@pytest.mark.parametrize("place", [[], ["--ledger", "elsewhere/mine.db"]])
def test_who_only_reads_makes_no_ledger(
    certify: Certify, tmp_path: Path, words: list[str], place: list[str]
) -> None:
    shown = certify(*words, *place)
    assert (shown.code, shown.out) == (3, "")
    where = place[-1] if place else "reports/certify.db"
    assert shown.err.startswith(f"certify: Nothing is recorded yet: there is no {where}.\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_a_terminal_of_any_encoding_gets_an_answer(certify: Certify, encoding: str) -> None:
    shown = certify("checks", "image.os", PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert shown.code == 0
    assert "image.os" in shown.out


def test_a_profile_of_ones_own_is_refused_line_by_line(said_no: SaidNo, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("name = 1")
    assert "mine.toml: title: Field required" in said_no("run", "--profile", "mine.toml", "x")


def test_json_is_json_whatever_else_happens(certify: Certify) -> None:
    json.loads(certify("run", "--format", "json", "localhost:1/x", **NOWHERE).out)
