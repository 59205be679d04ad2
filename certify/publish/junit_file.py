"""Writes ``junit.xml``, and copies the suites of results that have not changed from the last one.

``assets/junit.index`` says where in it the suite of each result is: after a line about the file,
one line for each suite, with the stamp of its result, its place and its counts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, NamedTuple, Protocol, runtime_checkable

from certify.model.result import Result
from certify.publish import junit
from certify.util.files import write_atomically

FILE, INDEX = "junit.xml", "assets/junit.index"
_OLD_INDEX = "assets/junit.json"
_CHUNK = 1 << 20


@runtime_checkable
class StampedResults(Protocol):
    """Results that are read when they are needed."""

    @property
    def stamps(self) -> Sequence[str]:
        """A text for each result, which changes with it; empty if nothing is known of it."""

    def read(self, places: Sequence[int]) -> Iterator[Result]:
        """Yield the results at some places."""


class _Part(NamedTuple):
    """A suite in a file."""

    file: IO[bytes]
    start: int
    length: int
    counts: tuple[float, ...]


class _Known:
    """The suites of the last file by their stamps; their lines are parsed when they are needed."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        """Read the index; there are no suites if another command wrote the file."""
        self.count = 0
        self.lines: dict[str, str] = {}
        with suppress(OSError, ValueError, KeyError, TypeError, StopIteration):
            index = stack.enter_context((directory / INDEX).open(encoding="utf-8"))
            head = json.loads(next(index))
            self._file = stack.enter_context((directory / FILE).open("rb"))
            if head["file"] == _identity(self._file):
                pairs = (line.partition(" ")[::2] for line in index)
                self.lines, self.count = dict(pairs), head["count"]

    def get(self, stamp: str) -> _Part | None:
        """Return the suite of a stamp."""
        if (line := self.lines.get(stamp)) is None:
            return None
        start, length, *counts = line.split()
        return _Part(self._file, int(start), int(length), tuple(map(float, counts)))


def write_junit(directory: Path, results: Iterable[Result] | StampedResults) -> None:
    """Write the file for results, one suite after another. Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        stamps: Sequence[str] = ()
        known = _Known(directory, stack)
        if isinstance(results, StampedResults):
            stamps = results.stamps
            if known.count and known.count == len(stamps) and list(known.lines) == list(stamps):
                return
            results = results.read([n for n, each in enumerate(stamps) if each not in known.lines])
        made = _made(results, stack.enter_context(TemporaryFile(dir=directory)))
        parts = [known.get(each) or next(made) for each in stamps] if stamps else list(made)
        head = junit.head(dict(zip(junit.TOTALS, each.counts, strict=True)) for each in parts)
        content = _content(head.encode(), parts)
        write_atomically(directory / FILE, content, durable=False)
        _write_index(directory, len(head.encode()), stamps, parts)


def _made(results: Iterable[Result], file: IO[bytes]) -> Iterator[_Part]:
    """Yield a new suite for each result, written to a file."""
    start = 0
    for suite in map(junit.suite_of, results):
        text = suite.text.encode()
        file.write(text)
        yield _Part(file, start, len(text), tuple(suite.counts[name] for name in junit.TOTALS))
        start += len(text)


def _content(head: bytes, parts: Sequence[_Part]) -> Iterator[bytes]:
    yield head
    for part in _joined(parts):
        part.file.seek(part.start)
        left = part.length
        while left and (read := part.file.read(min(left, _CHUNK))):
            yield read
            left -= len(read)
    yield junit.END.encode()


def _joined(parts: Iterable[_Part]) -> Iterator[_Part]:
    """Join parts that follow each other in their file, too."""
    last: _Part | None = None
    for part in parts:
        if last and last.file is part.file and last.start + last.length == part.start:
            last = last._replace(length=last.length + part.length)
            continue
        if last:
            yield last
        last = part
    if last:
        yield last


def _write_index(
    directory: Path, start: int, stamps: Sequence[str], parts: Sequence[_Part]
) -> None:
    (directory / _OLD_INDEX).unlink(missing_ok=True)
    if not any(stamps):
        (directory / INDEX).unlink(missing_ok=True)
        return
    with (directory / FILE).open("rb") as file:
        head = {"file": _identity(file), "count": len(parts)}
    write_atomically(directory / INDEX, _lines(head, start, stamps, parts), durable=False)


def _lines(
    head: Mapping[str, object], start: int, stamps: Sequence[str], parts: Sequence[_Part]
) -> Iterator[str]:
    yield f"{json.dumps(head)}\n"
    for stamp, part in zip(stamps, parts, strict=True):
        if stamp:
            counts = (f"{each:.15g}" for each in part.counts)
            yield f"{stamp} {start} {part.length} {' '.join(counts)}\n"
        start += part.length


def _identity(file: IO[bytes]) -> list[int]:
    found = os.fstat(file.fileno())
    return [found.st_ino, found.st_size, found.st_mtime_ns]
