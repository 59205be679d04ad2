"""The shell's protocol without a container: every way in which a stream can be cut."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.engine import session
from certify.engine.session import (
    KILLED,
    STDERR,
    STDOUT,
    CommandLost,
    SessionLost,
    Shell,
    ShellResult,
    Stream,
)

MARK_LENGTH = 32
TAILS = re.compile(rb"echo ([0-9a-f]{32}) \$[?$]; echo \1 >&2\n$")

Piece = tuple[int, bytes]
Answers = Callable[[bytes], Sequence[Piece | Exception]]


@dataclass
class Scripted:
    """A stream that answers each line that it is sent as it was told to, with the line's mark."""

    answers: list[Answers]
    pieces: list[Piece | Exception] = field(default_factory=list)
    deadlines: list[float] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)
    closed: bool = False

    def send(self, data: bytes) -> None:
        self.sent.append(data)
        found = TAILS.search(data)
        assert found, "the line does not end in its marks"
        self.pieces += self.answers.pop(0)(found[1])

    def receive(self, deadline: float) -> Piece:
        self.deadlines.append(deadline)
        if not self.pieces:
            raise TimeoutError
        piece = self.pieces.pop(0)
        if isinstance(piece, Exception):
            raise piece
        return piece

    def close(self) -> None:
        self.closed = True


def greeting(mark: bytes) -> list[Piece]:
    return [(STDOUT, mark + b" 4711\n"), (STDERR, mark + b"\n")]


def ended(out: bytes = b"", err: bytes = b"", rc: int = 0) -> Answers:
    return lambda mark: [(STDOUT, out + mark + b" %d\n" % rc), (STDERR, err + mark + b"\n")]


def shell_over(*streams: Stream, kill: Callable[[int], None] = lambda _pid: None) -> Shell:
    left = list(streams)
    return Shell(lambda: left.pop(0), kill)


def cut(whole: bytes, at: Iterable[int]) -> list[bytes]:
    ends = sorted({min(end, len(whole)) for end in at} | {0, len(whole)})
    return [whole[a:b] for a, b in pairwise(ends)]


def merged(out: list[bytes], err: list[bytes], choices: Iterable[bool]) -> list[Piece]:
    """Both outputs' pieces in an order in which an engine could send them."""
    queues = {STDOUT: out[:], STDERR: err[:]}
    order = [STDOUT if choice else STDERR for choice in choices]
    found = [(channel, queues[channel].pop(0)) for channel in order if queues[channel]]
    return found + [(channel, piece) for channel, rest in queues.items() for piece in rest]


# What could be taken for a mark, and everything else.
outputs = st.binary(max_size=120) | st.text("0123456789abcdef \n", max_size=120).map(str.encode)
places = st.sets(st.integers(0, 200), max_size=12)


@settings(deadline=None)
@given(
    out=outputs,
    err=outputs,
    rc=st.integers(0, 255),
    cuts=st.tuples(places, places),
    order=st.lists(st.booleans(), max_size=30),
    limit=st.integers(0, 130),
)
def test_any_cut_gives_the_same_result(
    out: bytes,
    err: bytes,
    rc: int,
    cuts: tuple[set[int], set[int]],
    order: list[bool],
    limit: int,
) -> None:
    def answer(mark: bytes) -> list[Piece]:
        ends = cut(out + mark + b" %d\n" % rc, cuts[0]), cut(err + mark + b"\n", cuts[1])
        return merged(*ends, order)

    said = shell_over(Scripted([greeting, answer])).run("whatever", limit=limit)
    assert (said.stdout, said.stderr, said.rc) == (out[:limit], err[:limit], rc)
    assert said.truncated == (max(len(out), len(err)) > limit)
    assert not (said.timed_out or said.shell_lost)


@settings(deadline=None)
@given(
    size=st.integers(65_000, 67_000),
    limit=st.integers(0, 300),
    piece=st.integers(1, 500),
    rc=st.integers(0, 255),
)
def test_a_mark_after_dropped_output_is_found(size: int, limit: int, piece: int, rc: int) -> None:
    out = bytes(97 + number % 23 for number in range(size))

    def answer(mark: bytes) -> list[Piece]:
        whole = out + mark + b" %d\n" % rc
        # Large pieces far from where it matters, small ones around it.
        pieces = cut(whole, (64_000, *range(64_900, len(whole), piece)))
        return [*((STDOUT, each) for each in pieces), (STDERR, mark + b"\n")]

    said = shell_over(Scripted([greeting, answer])).run("whatever", limit=limit)
    assert (said.stdout, said.rc, said.truncated) == (out[:limit], rc, True)


def test_dropped_output_takes_no_memory() -> None:
    reader = session._Reader(b"m" * MARK_LENGTH, 100)
    most = 0
    for _ in range(200):
        reader.feed(STDOUT, b"x" * 10_000)
        most = max(most, len(reader._outputs[STDOUT]))
    assert most <= 100 + 65536 + 10_000


def test_one_output_alone_never_ends_a_command() -> None:
    reader = session._Reader(b"mark", 100)
    reader.feed(STDOUT, b"mark 0\n")
    assert not reader.done
    reader.feed(STDERR, b"mark")
    assert not reader.done, "the line is not whole yet"
    reader.feed(STDERR, b"\n")
    assert reader.done


def test_another_commands_mark_is_output_like_any_other() -> None:
    earlier: list[bytes] = []

    def first(mark: bytes) -> Sequence[Piece | Exception]:
        earlier.append(mark + b" 9\n")
        return ended(b"one\n")(mark)

    def second(mark: bytes) -> Sequence[Piece | Exception]:
        return ended(earlier[0])(mark)

    shell = shell_over(Scripted([greeting, first, second]))
    assert shell.run("one").rc == 0
    said = shell.run("two")
    assert (said.stdout, said.rc) == (earlier[0], 0)


def test_an_unknown_channel_is_ignored() -> None:
    said = shell_over(
        Scripted([greeting, lambda mark: [(0, b"?"), (3, mark + b" 1\n"), *ended(b"x")(mark)]])
    ).run("whatever")
    assert (said.stdout, said.stderr, said.rc) == (b"x", b"", 0)


def test_the_command_arrives_quoted_and_without_input() -> None:
    stream = Scripted([greeting, ended()])
    command = "echo 'it''s'; cat\necho \"$HOME\" ü"
    shell_over(stream).run(command)
    words = shlex.split(stream.sent[1].decode())
    assert words[:5] == ["(", "eval", command, ")", "</dev/null;"]


def test_a_nul_character_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(ValueError, match="NUL"):
        shell_over().run("echo \0")


def test_the_shell_is_opened_once() -> None:
    stream = Scripted([greeting, ended(b"1"), ended(b"2")])
    shell = shell_over(stream)
    assert [shell.run("x").stdout for _ in range(2)] == [b"1", b"2"]
    assert len(stream.sent) == 3


def lost(shell: Shell, command: str, timeout: float = 60) -> ShellResult:
    """What a command said that took its shell with it: not returned, for it is no answer."""
    with pytest.raises(CommandLost, match="ended in the middle of a command") as error:
        shell.run(command, timeout=timeout)
    return error.value.result


@pytest.mark.parametrize("end", [SessionLost("gone"), OSError("broken pipe")], ids=repr)
def test_a_shell_that_ends_gives_its_output_and_is_replaced(
    end: Exception,
) -> None:
    first = Scripted([greeting, lambda _mark: [(STDOUT, b"par"), (STDERR, b"tial"), end]])
    second = Scripted([greeting, ended(b"new")])
    shell = shell_over(first, second)
    said = lost(shell, "dies")
    assert (said.rc, said.shell_lost, said.timed_out) == (KILLED, True, False)
    if isinstance(end, SessionLost):
        assert (said.stdout, said.stderr) == (b"par", b"tial")
    assert first.closed
    assert shell.run("lives").stdout == b"new"


def test_a_late_command_is_killed_and_its_output_kept() -> None:
    killed: list[int] = []
    marks: list[bytes] = []

    def hangs(mark: bytes) -> list[Piece]:
        marks.append(mark)
        return [(STDOUT, b"before "), (STDERR, b"bef")]

    stream = Scripted([greeting, hangs, ended(b"next")])

    def kill(pid: int) -> None:
        killed.append(pid)
        stream.pieces += ended(b"and after", b"ore", KILLED)(marks[0])

    shell = shell_over(stream, kill=kill)
    said = shell.run("hangs", timeout=0)
    assert killed == [4711]
    assert (said.stdout, said.stderr, said.rc) == (b"before and after", b"before", KILLED)
    assert (said.timed_out, said.shell_lost) == (True, False)
    assert shell.run("next").stdout == b"next"
    assert not stream.closed


def test_on_a_slow_host_a_command_may_take_longer() -> None:
    stream = Scripted([greeting, ended(b"late")])
    begun = time.monotonic()
    assert Shell(lambda: stream, lambda _pid: None, 7.0).run("x", timeout=100).stdout == b"late"
    assert 700 <= stream.deadlines[-1] - begun <= 700 + time.monotonic() - begun


def test_a_shell_that_does_not_answer_again_is_closed() -> None:
    stuck = Scripted([greeting, lambda _mark: [(STDOUT, b"said")]])
    shell = shell_over(stuck, Scripted([greeting, ended(b"new")]))
    said = lost(shell, "stops the shell", timeout=0)
    assert (said.timed_out, said.shell_lost, said.stdout) == (True, True, b"said")
    assert stuck.closed
    assert shell.run("next").stdout == b"new"


NO_SHELL: dict[str, tuple[Answers, str]] = {
    "silence": (lambda _mark: [], "nothing came in time"),
    "end": (lambda _mark: [SessionLost("the shell ended")], "the shell ended"),
    "one output only": (lambda mark: [(STDOUT, mark + b" 1\n")], "nothing came in time"),
    "an echo": (
        lambda mark: [(STDOUT, mark + b" $$; echo\n"), (STDERR, mark + b"\n")],
        "the program that answers is no shell",
    ),
    "no pid": (
        lambda mark: [(STDOUT, mark + b"\n"), (STDERR, mark + b"\n")],
        "the program that answers is no shell",
    ),
}


@pytest.mark.parametrize(("answer", "why"), NO_SHELL.values(), ids=NO_SHELL)
def test_programs_that_are_no_shell(answer: Answers, why: str) -> None:
    stream = Scripted([answer])
    with pytest.raises(SessionLost) as lost:
        shell_over(stream).open()
    assert str(lost.value) == f"no shell answers in the container: {why}"
    assert stream.closed


@pytest.mark.parametrize("tail", [b"", b" $?", b" x", b" -"])
def test_a_shell_without_exit_codes_is_closed(tail: bytes) -> None:
    broken = Scripted(
        [greeting, lambda mark: [(STDOUT, b"out" + mark + tail + b"\n"), (STDERR, mark + b"\n")]]
    )
    shell = shell_over(broken, Scripted([greeting, ended(b"new")]))
    said = lost(shell, "whatever")
    assert said.shell_lost
    assert said.rc == KILLED
    assert shell.run("next").stdout == b"new"
