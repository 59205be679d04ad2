"""Testinfra over the long-lived shell: quoting, evidence, and whatever bytes an image prints."""

from __future__ import annotations

import shlex
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.engine.session import DEFAULT_TIMEOUT, KILLED, CommandLost, Shell, ShellResult
from certify.suite.host import Transcript, make_host


class FakeShell:
    """A shell with one result for all commands; it remembers them."""

    def __init__(self, rc: int = 0, stdout: bytes = b"", stderr: bytes = b"") -> None:
        self.answer = rc, stdout, stderr
        self.asked: list[tuple[str, float]] = []

    def run(self, command: str, *, timeout: float) -> ShellResult:
        self.asked.append((command, timeout))
        return ShellResult(command, *self.answer, seconds=0.5)


def test_a_command_and_its_answer() -> None:
    shell, transcript = FakeShell(3, b"out\n", b"err\n"), cast(Transcript, [])
    answer = make_host(cast(Shell, shell), transcript, "name").run("false")
    assert (answer.rc, answer.stdout, answer.stderr) == (3, "out\n", "err\n")
    assert shell.asked == [("false", DEFAULT_TIMEOUT)]
    assert transcript == [ShellResult("false", 3, b"out\n", b"err\n", 0.5)]


def test_a_command_whose_end_nobody_knows_is_evidence_and_no_answer() -> None:
    transcript: Transcript = []

    class DyingShell(FakeShell):
        def run(self, command: str, *, timeout: float) -> ShellResult:
            raise CommandLost(ShellResult(command, KILLED, b"so far", b"", 0.5, shell_lost=True))

    host = make_host(cast(Shell, DyingShell()), transcript, "name")
    with pytest.raises(CommandLost):
        host.run("apt-get -s upgrade", shown="(upgrade)")
    assert [(each.command, each.stdout) for each in transcript] == [("(upgrade)", b"so far")]


def test_a_timeout_of_its_own() -> None:
    shell = FakeShell()
    make_host(cast(Shell, shell), [], "name").run("sleep 9", timeout=10)
    assert shell.asked == [("sleep 9", 10)]


def test_an_unreadable_command_has_a_short_name_in_the_evidence() -> None:
    shell, transcript = FakeShell(), cast(Transcript, [])
    host = make_host(cast(Shell, shell), transcript, "name")
    answer = host.run("printf %s", "\\177ELF", shown="(a program)")
    assert [command for command, _ in shell.asked] == ["printf '\\177ELF'"]
    assert answer.command == b"printf '\\177ELF'"
    assert [answer.command for answer in transcript] == ["(a program)"]


@pytest.mark.parametrize("method", ["run_expect", "check_output", "run_test"])
def test_testinfras_other_ways_to_run_a_command(method: str) -> None:
    host = make_host(cast(Shell, FakeShell(1)), [], "name")
    expected = ([0], "x") if method == "run_expect" else ("x",)
    if method == "run_test":
        assert host.run_test("x").rc == 1
    else:
        with pytest.raises(AssertionError):
            getattr(host, method)(*expected)


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))))
def test_arguments_are_quoted(arguments: list[str]) -> None:
    shell = FakeShell()
    make_host(cast(Shell, shell), [], "name").run("echo" + " %s" * len(arguments), *arguments)
    assert shlex.split(shell.asked[0][0]) == ["echo", *arguments]


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_become_text(data: bytes) -> None:
    answer = make_host(cast(Shell, FakeShell(0, data, data)), [], "name").run("x")
    assert answer.stdout == answer.stderr == data.decode("utf-8", "replace")


def test_testinfras_modules_work() -> None:
    shell = FakeShell(0, b"Linux\n")
    assert make_host(cast(Shell, shell), [], "name").file("/etc/a b").exists
    assert shlex.split(shell.asked[-1][0]) == ["test", "-e", "/etc/a b"]
