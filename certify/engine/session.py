"""A long-lived shell in a container, which runs all commands of the checks.

A command through its open stream has an overhead well below a millisecond; a process started
through the engine has one of about 50 ms.
"""

from __future__ import annotations

import secrets
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

STDOUT, STDERR = 1, 2
DEFAULT_TIMEOUT = 60.0
DEFAULT_LIMIT = 4 * 1024 * 1024
KILLED = 137
"""Exit code of a process that was killed, as shells report SIGKILL."""
_GRACE = 5.0

# Run by a second shell: kills every descendant of process $1, but not $1 itself; then all orphans
# of its child, which are in the same session, unless they made one of their own, and no older than
# the child. Reads /proc only, for an image may have neither ps nor pkill.
KILL_DESCENDANTS = r"""
look() {  # at a process: proc_pid_stat(5)
  { read -r line <"$1"; } 2>/dev/null || return 1
  pid=${1#/proc/}; pid=${pid%/stat}
  set -- ${line##*) }
  parent=$2 session=$4 start=${20}
}
kill_below() {
  for stat in /proc/[0-9]*/stat; do
    look "$stat" && [ "$parent" = "$1" ] || continue
    since=$start
    kill -STOP "$pid" 2>/dev/null
    ( kill_below "$pid" )
    kill -KILL "$pid" 2>/dev/null
  done
}
look "/proc/$1/stat" || exit
own=$session since=
kill_below "$1"
[ "$since" ] || exit 0
for stat in /proc/[0-9]*/stat; do
  look "$stat" && [ "$session" = "$own" ] && [ "$pid" != "$1" ] && [ "$start" -ge "$since" ] &&
    kill -KILL "$pid" 2>/dev/null
done
"""


class SessionLost(Exception):
    """Raised because no shell answers: it did not start, or its stream broke."""


class Stream(Protocol):
    """The standard streams of a process in the container."""

    def send(self, data: bytes) -> None:
        """Write to its standard input."""

    def receive(self, deadline: float) -> tuple[int, bytes]:
        """Return the next piece of output, as (:data:`STDOUT` or :data:`STDERR`, bytes).

        Raises ``TimeoutError`` at the deadline (``time.monotonic()``), and
        :class:`SessionLost` at the end of the stream.
        """

    def close(self) -> None:
        """Close the stream."""


@dataclass(frozen=True)
class ShellResult:
    """The result of a command."""

    command: str
    rc: int
    stdout: bytes
    stderr: bytes
    seconds: float
    timed_out: bool = False
    truncated: bool = False
    """True if output beyond the limit was dropped."""
    shell_lost: bool = False
    """True if the shell ended meanwhile, so that ``rc`` means nothing; the next command gets a new
    shell."""


def is_silent(lost: SessionLost) -> bool:
    """Return True if a shell was lost because nothing came from it in time."""
    return isinstance(lost.__cause__, TimeoutError)


class CommandLost(SessionLost):
    """Raised because the shell ended in the middle of a command."""

    def __init__(self, result: ShellResult) -> None:
        super().__init__("it ended in the middle of a command")
        self.result = result
        """The output up to then."""


class Shell:
    """A shell in a container that runs one command after another."""

    def __init__(
        self,
        connect: Callable[[], Stream],
        kill_descendants: Callable[[int], None],
        pace: float = 1.0,
    ) -> None:
        """Take two functions: one starts a shell, the other kills all descendants of a process.

        Every timeout is multiplied by ``pace``.
        """
        self._pace = pace
        self._connect = connect
        self._kill_descendants = kill_descendants
        self._stream: Stream | None = None
        self._pid = 0

    def open(self, timeout: float = 30.0) -> Stream:
        """Start the shell, if there is none. Raises :class:`SessionLost` if it does not answer."""
        if self._stream is not None:
            return self._stream
        stream = self._stream = self._connect()
        # The launch's notification socket is for PID 1 alone.
        # Its options may come from the image (SHELLOPTS): a command that fails must not end it.
        # Its variables may change how programs read options, and what they print.
        unset = "unset NOTIFY_SOCKET POSIXLY_CORRECT COLUMNS SYSTEMD_COLORS"
        hello = f"set +e +u +C; {unset}; LC_ALL=C; export LC_ALL; "
        mark = secrets.token_hex(16)
        try:
            stream.send(f"{hello}echo {mark} $$; echo {mark} >&2\n".encode())
            _, _, self._pid = self._read(mark, self._deadline(timeout), DEFAULT_LIMIT)
        except (SessionLost, TimeoutError) as error:
            self.close()
            reason = str(error.__cause__ or error) or "nothing came in time"
            raise SessionLost(f"no shell answers in the container: {reason}") from error
        return stream

    def close(self) -> None:
        """Close the shell's input, at whose end it ends by itself."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def run(
        self, command: str, *, timeout: float = DEFAULT_TIMEOUT, limit: int = DEFAULT_LIMIT
    ) -> ShellResult:
        """Run a command line with no input; return at most ``limit`` bytes of each output.

        A command that does not end within ``timeout`` seconds is killed with all its descendants.
        Raises :class:`CommandLost` if the shell ends with it, and :class:`SessionLost` if no shell
        can be started.
        """
        if "\0" in command:
            raise ValueError("a command cannot hold a NUL character")
        stream = self.open()
        mark = secrets.token_hex(16)
        begun = time.monotonic()
        timed_out = shell_lost = False
        out = err = _Capture(b"", b"", False)
        try:
            stream.send(
                f"( eval {shlex.quote(command)} ) </dev/null; "
                f"echo {mark} $?; echo {mark} >&2\n".encode("utf-8", "surrogateescape")
            )
            try:
                out, err, rc = self._read(mark, self._deadline(timeout), limit)
            except TimeoutError as late:
                timed_out = True
                self._kill_descendants(self._pid)
                out, err, rc = self._read(mark, self._deadline(_GRACE), limit, *late.args)
        except (SessionLost, TimeoutError, OSError) as lost:
            self.close()
            rc, shell_lost = KILLED, True
            for partial in lost.args:
                if isinstance(partial, _Reader):
                    out, err = partial.captures()
        result = ShellResult(
            command, rc, out.data, err.data, time.monotonic() - begun,
            timed_out=timed_out, truncated=out.truncated or err.truncated, shell_lost=shell_lost,
        )  # fmt: skip
        if shell_lost:
            raise CommandLost(result)
        return result

    def _deadline(self, seconds: float) -> float:
        return time.monotonic() + seconds * self._pace

    def _read(
        self, mark: str, deadline: float, limit: int, reader: _Reader | None = None
    ) -> tuple[_Capture, _Capture, int]:
        """Read both outputs up to their marks, and the exit code that follows the first mark."""
        assert self._stream is not None
        reader = reader or _Reader(mark.encode(), limit)
        while not reader.done:
            try:
                channel, data = self._stream.receive(deadline)
            except TimeoutError as error:
                raise TimeoutError(reader) from error
            except SessionLost as error:
                raise SessionLost(reader) from error
            reader.feed(channel, data)
        out, err = reader.captures()
        if not out.tail.isdigit():
            raise SessionLost(reader) from SessionLost("the program that answers is no shell")
        return out, err, int(out.tail)


@dataclass(frozen=True)
class _Capture:
    data: bytes
    tail: bytes
    truncated: bool


class _Reader:
    """Collects two outputs, each up to its mark."""

    def __init__(self, mark: bytes, limit: int) -> None:
        self._mark = mark
        self._limit = limit
        self._outputs = {STDOUT: bytearray(), STDERR: bytearray()}
        self._tails: dict[int, bytes] = {}

    @property
    def done(self) -> bool:
        return len(self._tails) == len(self._outputs)

    def feed(self, channel: int, data: bytes) -> None:
        output = self._outputs.get(channel)
        if output is None or channel in self._tails:
            return
        # The mark may straddle two pieces: search the end of the previous one again.
        start = max(0, len(output) - len(self._mark) - 16)
        output += data
        at = output.find(self._mark, start)
        end = output.find(b"\n", at) if at >= 0 else -1
        if end >= 0:
            self._tails[channel] = bytes(output[at + len(self._mark) : end]).strip()
            del output[at:]
        elif len(output) > self._limit + 65536:
            # Enough of the tail stays to find the mark in; what is left without the mark still
            # exceeds the limit, and so counts as truncated.
            del output[self._limit : len(output) - len(self._mark) - 16]

    def captures(self) -> tuple[_Capture, _Capture]:
        out, err = (
            _Capture(
                bytes(self._outputs[channel][: self._limit]),
                self._tails.get(channel, b""),
                len(self._outputs[channel]) > self._limit,
            )
            for channel in (STDOUT, STDERR)
        )
        return out, err
