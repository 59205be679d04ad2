"""The engine's stream of a command: frames, cut anywhere."""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.engine.session import (
    STDERR,
    STDOUT,
    SessionLost,
)
from certify.engine.stream import EngineStream
from tests.engine.test_session_reader import Piece, cut

FOREVER = time.monotonic() + 1e9


class Pieces:
    """A socket that gives what it was given, piece by piece."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.pieces = list(pieces)
        self.sent = b""
        self.calls: list[str] = []

    def settimeout(self, _seconds: float) -> None: ...

    def recv(self, size: int) -> bytes:
        if not self.pieces:
            raise TimeoutError
        piece, rest = self.pieces[0][:size], self.pieces[0][size:]
        self.pieces[:1] = [rest] if rest else []
        return piece

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def shutdown(self, _how: int) -> None:
        self.calls.append("shutdown")

    def close(self) -> None:
        self.calls.append("close")


def frame(channel: int, data: bytes) -> bytes:
    return struct.pack(">BxxxL", channel, len(data)) + data


@settings(deadline=None)
@given(
    frames=st.lists(st.tuples(st.sampled_from([STDOUT, STDERR]), st.binary(max_size=40))),
    at=st.sets(st.integers(0, 300)),
)
def test_frames_survive_any_cut(frames: list[Piece], at: set[int]) -> None:
    stream = EngineStream(Pieces(cut(b"".join(frame(*each) for each in frames), at)))
    assert [stream.receive(FOREVER) for _ in frames] == frames
    with pytest.raises(TimeoutError):
        stream.receive(FOREVER)


def test_a_frame_that_a_deadline_cuts_is_not_lost() -> None:
    pieces = Pieces([b"\1\0\0"])
    stream = EngineStream(pieces)
    for more in (b"\0\0\0\0\5he", b"l", b"lo"):
        with pytest.raises(TimeoutError):
            stream.receive(FOREVER)
        pieces.pieces.append(more)
    assert stream.receive(FOREVER) == (STDOUT, b"hello")


def test_a_deadline_that_has_passed_reads_nothing() -> None:
    pieces = Pieces([frame(STDOUT, b"x")])
    with pytest.raises(TimeoutError):
        EngineStream(pieces).receive(time.monotonic() - 1)
    assert pieces.pieces


def test_the_end_of_a_stream_is_no_silence() -> None:
    with pytest.raises(SessionLost, match="ended"):
        EngineStream(Pieces([b"\1\0\0", b""])).receive(FOREVER)


class Broken(Pieces):
    def recv(self, size: int) -> bytes:
        raise ConnectionResetError("reset by peer")

    def sendall(self, data: bytes) -> None:
        raise BrokenPipeError("broken pipe")

    def shutdown(self, how: int) -> None:
        super().shutdown(how)
        raise OSError("not connected")


def test_a_broken_connection_is_a_lost_session_and_closes_quietly() -> None:
    broken = Broken([])
    stream = EngineStream(broken)
    with pytest.raises(SessionLost, match="reset"):
        stream.receive(FOREVER)
    with pytest.raises(SessionLost, match="broken pipe"):
        stream.send(b"x")
    stream.close()
    assert broken.calls == ["shutdown", "close", "close"]
