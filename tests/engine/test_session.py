"""The long-lived shell in real containers: dash of Debian, ash of busybox."""

from __future__ import annotations

import secrets
import shlex
import time
from collections.abc import Callable, Iterator

import pytest
from docker.errors import NotFound
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from certify.engine import session
from certify.engine.client import Engine
from certify.engine.container import Container
from certify.engine.launch import launch_container
from certify.engine.launch_plan import LaunchPlan
from certify.engine.probe.programs import echo
from certify.engine.session import KILLED, CommandLost, SessionLost, Shell, ShellResult, is_silent
from tests.conftest import SAMPLES
from tests.support.waiting import eventually

pytestmark = pytest.mark.engine

SOON = 1.0
"""Seconds that are enough for a command to say its first word."""


@pytest.fixture(scope="module", params=["busybox", "debian"])
def candidate(request: pytest.FixtureRequest, engine: Engine) -> Iterator[Container]:
    """One container for all tests of an image; it is gone afterwards."""
    with launch_container(
        engine, f"{SAMPLES}/{request.param}", LaunchPlan("idle", "default")
    ) as started:
        yield started.container
    with pytest.raises(NotFound):
        engine.client.api.inspect_container(started.container.id)


@pytest.fixture
def shell(candidate: Container) -> Shell:
    return candidate.shell()


def ok(shell: Shell, command: str) -> str:
    answer = shell.run(command)
    assert (answer.rc, answer.stderr, answer.shell_lost) == (0, b"", False), answer
    return answer.stdout.decode()


def pid(shell: Shell) -> str:
    return ok(shell, "echo $$").strip()


def running(shell: Shell, pids: list[str]) -> list[str]:
    """Those of the processes that are neither gone nor only waiting to be buried."""
    states = ok(
        shell,
        f"for p in {' '.join(pids)}; do {{ read -r line </proc/$p/stat; }} 2>/dev/null && "
        'echo "$p ${line##*) }"; done; :',
    )
    return [line.split()[0] for line in states.splitlines() if line.split()[1] not in "ZX"]


SLEEPER = "sh -c 'echo $$; exec sleep 1000'"


# What a command says


@pytest.mark.parametrize("code", [0, 1, 2, 126, 127, 130, 137, 143, 255])
def test_exit_codes(shell: Shell, code: int) -> None:
    assert shell.run(f"exit {code}").rc == code
    assert shell.run(f"(exit {code})").rc == code


def test_the_end_by_a_signal_is_an_exit_code(shell: Shell) -> None:
    assert shell.run("sh -c 'kill -TERM $$'").rc == 128 + 15


def test_the_outputs_are_apart(shell: Shell) -> None:
    answer = shell.run("echo out; echo err >&2; echo out; exit 3")
    assert (answer.stdout, answer.stderr, answer.rc) == (b"out\nout\n", b"err\n", 3)
    assert not (answer.truncated or answer.timed_out or answer.shell_lost)


def test_every_byte_comes_back(shell: Shell) -> None:
    everything = bytes(range(256))
    octal = "".join(f"\\{byte:03o}" for byte in everything)
    answer = shell.run(f"printf '{octal}'; printf '{octal}' >&2")
    assert (answer.stdout, answer.stderr) == (everything, everything)


@pytest.mark.parametrize("command", ["", " ", "\n\n", ":", "true", "# a comment", "  # \n"])
def test_nothing_at_all(shell: Shell, command: str) -> None:
    shell.run("exit 7")  # whose exit code must not be taken for this one's
    answer = shell.run(command)
    assert (answer.stdout, answer.stderr, answer.rc) == (b"", b"", 0)


def test_output_without_an_end_of_line(shell: Shell) -> None:
    answer = shell.run("printf out; printf err >&2; exit 4")
    assert (answer.stdout, answer.stderr, answer.rc) == (b"out", b"err", 4)


def test_megabytes_are_cut_at_the_limit_and_read_to_the_end(shell: Shell) -> None:
    much = "head -c 9000000 /dev/zero | tr '\\0'"
    answer = shell.run(f"{much} o; {much} e >&2; exit 9", limit=1_000_001)
    assert (answer.stdout, answer.stderr) == (b"o" * 1_000_001, b"e" * 1_000_001)
    assert (answer.truncated, answer.rc, answer.timed_out) == (True, 9, False)


@pytest.mark.parametrize(
    ("size", "truncated"), [(499_999, False), (500_000, False), (500_001, True)]
)
def test_the_limit_is_exact(shell: Shell, size: int, truncated: bool) -> None:
    answer = shell.run(f"head -c {size} /dev/zero", limit=500_000)
    assert (len(answer.stdout), answer.truncated) == (min(size, 500_000), truncated)


def test_a_command_has_no_input(shell: Shell) -> None:
    assert ok(shell, 'cat; if read -r line; then echo "$line"; else echo none; fi') == "none\n"
    assert ok(shell, "readlink /proc/self/fd/0") == "/dev/null\n"


def test_a_command_leaves_nothing_behind_in_the_shell(shell: Shell) -> None:
    before = pid(shell)
    shell.run("cd /tmp; x=1; export x; set -e; umask 0; exec >/dev/null; trap 'echo' EXIT; false")
    assert ok(shell, 'echo "${x-unset} $PWD"').split()[0] == "unset"
    assert ok(shell, "false; echo goes on") == "goes on\n"
    assert pid(shell) == before


def test_the_environment_is_the_images_own_but_for_the_language(shell: Shell) -> None:
    assert ok(shell, 'echo "$LC_ALL ${NOTIFY_SOCKET-none}"') == "C none\n"


# How a command is written


# Every character but NUL and lone surrogates: what a command line can hold.
commands = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=400)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=commands)
@example("'\"'\"`$(echo x)${x}\\")
@example("\\\n\r\n\t\x1b[0m\x7f !! ~ * ? # ; & | <<EOF")
@example("Ünïcode → \U0001f433 \u202e")
@example("\n\n'\n")
def test_any_text_goes_through(shell: Shell, text: str) -> None:
    quoted = shlex.quote(text)
    answer = shell.run(f"printf %s {quoted}; printf %s {quoted} >&2")
    assert (answer.stdout, answer.stderr, answer.rc) == (text.encode(), text.encode(), 0)


def test_bytes_that_are_no_utf8_go_through(shell: Shell) -> None:
    name = b"latin-\xe4\xff".decode("utf-8", "surrogateescape")
    assert shell.run(f"printf %s {name}").stdout == b"latin-\xe4\xff"


def test_a_command_of_a_megabyte(shell: Shell) -> None:
    text = "0123456789abcde\n" * 65_536
    assert ok(shell, f"printf %s {shlex.quote(text)} | wc -c").strip() == str(len(text))


@pytest.mark.parametrize(
    "command",
    ["if", "(", ")", "'", '"', "`", "$(", "${", "case x", "done", "}", "&&", "; ;", "f() {"],
)
def test_a_syntax_error_is_the_commands_alone(shell: Shell, command: str) -> None:
    before = pid(shell)
    answer = shell.run(command, timeout=10)
    assert answer.rc != 0
    assert not (answer.timed_out or answer.shell_lost)
    assert answer.stderr
    assert pid(shell) == before


def test_a_here_document(shell: Shell) -> None:
    assert ok(shell, "cat <<EOF\none\n$((1 + 1))\nEOF\necho three") == "one\n2\nthree\n"


# What does not end


def test_a_command_that_never_ends_is_killed_with_its_children(shell: Shell) -> None:
    before = pid(shell)
    answer = shell.run(f"{SLEEPER} & {SLEEPER}", timeout=SOON)
    assert (answer.timed_out, answer.shell_lost, answer.rc) == (True, False, KILLED)
    pids = answer.stdout.decode().split()
    assert len(pids) == 2, "what it said until then is kept"
    eventually(lambda: running(shell, pids) == [])  # a signal takes effect a moment later
    assert pid(shell) == before


def test_all_descendants_are_killed(shell: Shell) -> None:
    deep = "sh -c 'echo $$; sh -c \"echo \\$\\$; sleep 1000; :\"; :'"
    answer = shell.run(f"{deep} & {deep}; :", timeout=SOON)
    pids = answer.stdout.decode().split()
    assert len(pids) == 4
    eventually(lambda: running(shell, pids) == [])  # a signal takes effect a moment later


def test_orphans_of_a_command_are_killed_and_nothing_older(shell: Shell) -> None:
    older = ok(shell, "(sleep 1000 </dev/null >/dev/null 2>&1 & echo $!)").strip()
    # Ages are told in hundredths of a second; two of them pass.
    wait = 'read a _ </proc/uptime; b=$a; while [ "$a" = "$b" ]; do read b _ </proc/uptime; done'
    ok(shell, f"{wait}; {wait}")
    answer = shell.run("(sleep 1000 & echo $!); (sh -c 'sleep 1000 & echo $!'); sleep 1000",
                       timeout=SOON)  # fmt: skip
    assert answer.timed_out
    orphans = answer.stdout.decode().split()
    assert len(orphans) == 2
    eventually(lambda: running(shell, [older, *orphans]) == [older])
    ok(shell, f"kill {older}")


def test_a_command_that_ignores_signals_is_killed(shell: Shell) -> None:
    answer = shell.run(
        "sh -c 'trap : TERM INT HUP; echo $$; while :; do sleep 1000; done'", timeout=SOON
    )
    assert (answer.timed_out, answer.shell_lost, answer.rc) == (True, False, KILLED)
    (stubborn,) = answer.stdout.decode().split()
    eventually(lambda: running(shell, [stubborn]) == [])


def test_a_command_that_floods_both_outputs_for_ever_is_killed(shell: Shell) -> None:
    before = pid(shell)
    answer = shell.run("yes out & yes err >&2", timeout=SOON, limit=1000)
    assert (answer.timed_out, answer.shell_lost, answer.truncated) == (True, False, True)
    assert (len(answer.stdout), len(answer.stderr)) == (1000, 1000)
    assert pid(shell) == before


def test_a_command_that_closes_its_outputs(shell: Shell) -> None:
    before = pid(shell)
    answer = shell.run("echo last; exec >&- 2>&-; exit 5")
    assert (answer.stdout, answer.rc, answer.shell_lost) == (b"last\n", 5, False)
    answer = shell.run("exec >&- 2>&-; while :; do sleep 1000; done", timeout=SOON)
    assert (answer.timed_out, answer.shell_lost) == (True, False)
    assert pid(shell) == before


def test_a_background_process_does_not_delay_the_result(shell: Shell) -> None:
    answer = shell.run("sleep 1000 & echo started", timeout=30)
    assert (answer.timed_out, answer.rc) == (False, 0)
    assert b"started\n" in answer.stdout
    assert ok(shell, "echo on").endswith("on\n")


# What harms the shell


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_GRACE", 0.5)


def test_a_command_that_kills_the_shell(shell: Shell) -> None:
    before = pid(shell)
    with pytest.raises(CommandLost) as lost:
        shell.run("echo last words; kill -KILL $$; sleep 1000", timeout=60)
    answer = lost.value.result
    assert (answer.shell_lost, answer.timed_out, answer.rc) == (True, False, KILLED)
    assert answer.stdout == b"last words\n"
    assert answer.seconds < 60
    assert pid(shell) != before


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("whom", ["$PPID", "$$"])
def test_a_command_that_stops_the_shell(shell: Shell, whom: str) -> None:
    before = pid(shell)
    with pytest.raises(CommandLost) as lost:
        shell.run(f"echo last words; kill -STOP {whom}", timeout=SOON)
    answer = lost.value.result
    assert (answer.shell_lost, answer.timed_out, answer.rc) == (True, True, KILLED)
    assert answer.stdout == b"last words\n"
    assert pid(shell) != before


# What looks like the protocol


def test_a_mark_of_an_earlier_command_ends_nothing(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks: list[str] = []
    real = secrets.token_hex

    def remember(size: int) -> str:
        marks.append(real(size))
        return marks[-1]

    monkeypatch.setattr(secrets, "token_hex", remember)
    ok(shell, ":")
    earlier = marks[-1]
    answer = shell.run(f"echo {earlier} 9; echo {earlier} >&2; echo on; exit 3")
    assert answer.stdout.decode() == f"{earlier} 9\non\n"
    assert (answer.stderr.decode(), answer.rc) == (f"{earlier}\n", 3)
    assert len(set(marks)) == len(marks)


def test_later_output_of_a_background_process_breaks_nothing(shell: Shell) -> None:
    # What it says may come between two commands, and then belongs to none of them.
    late = "read -r word </tmp/later; echo late; echo late >&2; echo said >/tmp/later.said"
    fresh = "rm -f /tmp/later /tmp/later.said; mkfifo /tmp/later"
    assert ok(shell, f"{fresh}; ( {late} ) & echo now") == "now\n"
    heard: list[ShellResult] = [shell.run("echo go >/tmp/later; exit 3")]

    def said() -> bool:
        heard.append(shell.run("[ ! -e /tmp/later.said ] || exit 4; exit 3"))
        return heard[-1].rc == 4

    eventually(said, seconds=20)
    assert {each.rc for each in heard} == {3, 4}
    assert not any(each.shell_lost or each.timed_out for each in heard)
    assert {line for each in heard for line in each.stdout.splitlines()} <= {b"late"}
    assert ok(shell, "echo after") == "after\n"


# Whose shell it is


def test_a_shell_of_another_user(candidate: Container, shell: Shell) -> None:
    ok(shell, "echo 'worker:x:4242:4242::/tmp:/bin/sh' >>/etc/passwd")
    theirs = candidate.shell("worker")
    assert ok(theirs, "id -u").strip() == "4242"
    assert ok(shell, "id -u").strip() == "0"
    assert candidate.shell("worker") is theirs


def test_a_user_that_does_not_exist(candidate: Container, shell: Shell) -> None:
    with pytest.raises(
        SessionLost, match="no shell answers in the container: the shell ended"
    ) as lost:
        candidate.shell("nobody-of-that-name").run("id")
    assert not is_silent(lost.value)
    assert ok(shell, "echo on") == "on\n"


def test_a_silent_shell_is_told_from_one_that_ended(
    candidate: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidate.close_shells()
    monkeypatch.setattr("certify.engine.container.SHELL", "/bin/cat")
    with pytest.raises(SessionLost, match="no shell answers") as lost:
        candidate.shell().open(timeout=0.5)
    assert is_silent(lost.value)


def test_a_program_of_certifys_own_needs_no_shell(candidate: Container) -> None:
    architecture = candidate.engine.platform.split("/")[1]
    assert candidate.output_of(echo(architecture, b"a word")) == "a word"


def test_closed_shells_open_again(candidate: Container, shell: Shell) -> None:
    before = pid(shell)
    candidate.close_shells()
    after = pid(shell)
    assert after != before
    eventually(lambda: not running(shell, [before]), seconds=20)


def test_the_duration_of_a_command(
    shell: Shell, record_property: Callable[[str, object], None]
) -> None:
    """Nothing is asserted about time: the machine may be busy. The number is in the report."""
    begun = time.monotonic()
    said = [ok(shell, f"echo {number}") for number in range(100)]
    record_property("milliseconds a command", round((time.monotonic() - begun) * 10, 2))
    assert said == [f"{number}\n" for number in range(100)]
