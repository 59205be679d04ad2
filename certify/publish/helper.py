"""Processes that help to write the files of many images, on the other processors.

A helper reads batches of rows from its parent, and replies once their files are written. It is
never needed: what it did not write, as it could not or was killed, its parent writes, and meets the
error if there is one. If its parent is killed, it ends after its batch, and has the lock of the
reports until then.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from threading import Thread
from typing import IO

from certify.ledger.matrix_rows import MatrixRow
from certify.ledger.rows import BATCH_SIZE, batched
from certify.ledger.store import Ledger
from certify.publish.image_writer import ImageWriter
from certify.util.garbage import collect_rarely

MANY = 1_000
"""The least number of images for which helpers start: that takes half a second of a processor."""
MOST = 3
"""The largest number of helpers."""
Batches = deque[Sequence[MatrixRow]]
_COMMAND = sys.executable, "-P", "-m", "certify.publish.helper"
_DONE = b"+"
_END_SECONDS = 10.0
"""The longest wait for the batch of a helper after an error."""


def write_images(writer: ImageWriter, ledger: Ledger, rows: Sequence[MatrixRow], lock: int) -> None:
    """Write the files of the images of all rows. Raises OSError and `LedgerUnavailable`.

    ``lock`` is the descriptor of the lock of the reports.
    """
    left: Batches = deque(batched(rows, BATCH_SIZE))
    address = ledger.address if len(rows) >= MANY else None
    others = min(MOST, len(os.sched_getaffinity(0)) - 1) if address else 0
    helpers = [Helper(writer, address or "", left, lock) for _ in range(others)]
    try:
        _write(writer, ledger, left)
        for each in helpers:
            each.join()
        _write(writer, ledger, left)  # what they gave back
    finally:
        left.clear()
        for each in helpers:
            each.end()


def _write(writer: ImageWriter, ledger: Ledger, left: Batches) -> None:
    for rows in _taken(left):
        writer.write(ledger, rows)


def _taken(left: Batches) -> Iterator[Sequence[MatrixRow]]:
    with suppress(IndexError):  # others take batches, too
        while True:
            yield left.popleft()


class Helper:
    """A process that takes batches until none is left, and the thread that hands them to it."""

    def __init__(self, writer: ImageWriter, address: str, left: Batches, lock: int) -> None:
        """Start it; ``address`` is that of the ledger, ``lock`` as for :func:`write_images`."""
        self._left = left
        self._process = subprocess.Popen(
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(lock,),
            start_new_session=True,  # Ctrl-C is the parent's business
        )
        self._thread = Thread(target=self._feed, args=(writer, address), daemon=True)
        self._thread.start()

    def _feed(self, *first: object) -> None:
        with suppress(OSError), self._process as process:
            assert process.stdin is not None
            assert process.stdout is not None
            _send(process.stdin, first)
            for rows in _taken(self._left):
                try:
                    _send(process.stdin, rows)
                    done = process.stdout.read(len(_DONE)) == _DONE
                except OSError:
                    done = False
                if not done:
                    self._left.append(rows)
                    return

    def join(self) -> None:
        """Wait until it has written all that it took, or has given it back."""
        self._thread.join()

    def end(self) -> None:
        """End it, after its batch if that does not take long."""
        self._thread.join(_END_SECONDS)
        self._process.kill()
        self._thread.join()


def _send(file: IO[bytes], value: object) -> None:
    pickle.dump(value, file)
    file.flush()


def serve(requests: IO[bytes], replies: IO[bytes]) -> None:
    """Write the files of each batch of rows, until there are no more, or a result is unreadable.

    The parent reports that one.
    """
    writer, address = pickle.load(requests)  # noqa: S301 - from the parent
    unreadable: list[str] = []
    with Ledger.open(address, make=False, warn=unreadable.append) as ledger:
        for rows in _received(requests):
            writer.write(ledger, rows)
            if unreadable:
                return
            replies.write(_DONE)
            replies.flush()


def _received(requests: IO[bytes]) -> Iterator[Sequence[MatrixRow]]:
    with suppress(EOFError):
        while True:
            yield pickle.load(requests)  # noqa: S301 - likewise


if __name__ == "__main__":
    collect_rarely()  # as every command does
    serve(sys.stdin.buffer, sys.stdout.buffer)
