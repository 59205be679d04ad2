"""Writes ``junit.xml``, and copies the suites of results that have not changed from the last one.

``assets/junit.json`` says where in it the suite of each result is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, NamedTuple, Protocol, runtime_checkable

from certify.model.result import Result
from certify.publish import junit
from certify.util.files import write_atomically

FILE, INDEX = "junit.xml", "assets/junit.json"
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
    counts: Sequence[float]


def write_junit(directory: Path, results: Iterable[Result] | StampedResults) -> None:
    """Write the file for results, one suite after another. Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        stamps: Sequence[str] = ()
        known: dict[str, _Part] = {}
        if isinstance(results, StampedResults):
            stamps = results.stamps
            known, count = _read_known(directory, stack)
            if count and count == len(stamps) and list(known) == list(stamps):
                return
            results = results.read([n for n, each in enumerate(stamps) if each not in known])
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
        yield _Part(file, start, len(text), [suite.counts[name] for name in junit.TOTALS])
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


def _read_known(directory: Path, stack: ExitStack) -> tuple[dict[str, _Part], int]:
    """Return the suites of the last file by their stamps, and how many it has.

    There are none if another command wrote it.
    """
    with suppress(OSError, ValueError, KeyError, TypeError):
        index = json.loads((directory / INDEX).read_bytes())
        file = stack.enter_context((directory / FILE).open("rb"))
        if index["file"] == _identity(file):
            known = {stamp: _Part(file, *where) for stamp, *where in index["suites"]}
            return known, index["count"]
    return {}, 0


def _write_index(
    directory: Path, start: int, stamps: Sequence[str], parts: Sequence[_Part]
) -> None:
    suites = []
    for stamp, part in zip(stamps, parts, strict=False):
        suites += [[stamp, start, part.length, part.counts]] if stamp else []
        start += part.length
    if not suites:
        (directory / INDEX).unlink(missing_ok=True)
        return
    with (directory / FILE).open("rb") as file:
        index = {"file": _identity(file), "count": len(parts), "suites": suites}
    write_atomically(directory / INDEX, json.dumps(index), durable=False)


def _identity(file: IO[bytes]) -> list[int]:
    found = os.fstat(file.fileno())
    return [found.st_ino, found.st_size, found.st_mtime_ns]
