"""In a workflow of GitHub's each printed line may be a command: certify's own are, no others.

Its runner takes a line for one that begins with ``::``, or holds ``##[`` anywhere (`ActionCommand`
of actions/runner). What an image printed ends up in many places; here all of them come together.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterator

_COMMANDS = re.compile(r"(?:^|(?<=[\r\n]))[^\S\r\n]*+:(?=:)|##(?=\[)")


class _Harmless(io.TextIOWrapper):
    """Standard output or error in which a blank parts what would make a command."""

    _line = ""
    """What the runner has of a line that has not ended, or as much of it as matters."""

    def write(self, text: str) -> int:
        harmless = _COMMANDS.sub(r"\g<0> ", self._line + text)
        super().write(harmless[len(self._line) :])
        line = re.split(r"[\r\n]", harmless)[-1]
        self._line = line if line.strip() in ("", ":") else f".{line[-2:]}"
        return len(text)

    def command(self, text: str) -> None:
        super().write(text)


@contextlib.contextmanager
def harmless() -> Iterator[None]:
    """In a workflow, nothing that is printed meanwhile is a command."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        yield
        return
    before = {"stdout": sys.stdout, "stderr": sys.stderr}
    parted: list[_Harmless] = []
    for name, stream in before.items():
        if isinstance(stream, io.TextIOWrapper):
            stream.flush()
            at_once = stream.line_buffering
            each = _Harmless(stream.buffer, "utf-8", "replace", line_buffering=at_once)
            setattr(sys, name, each)
            parted.append(each)
    try:
        yield
    finally:
        vars(sys).update(before)
        for each in parted:
            each.detach()


def command(text: str) -> None:
    """Print whole lines of commands that are meant."""
    stream = sys.stdout
    if isinstance(stream, _Harmless):
        stream.command(text)
    else:
        stream.write(text)
