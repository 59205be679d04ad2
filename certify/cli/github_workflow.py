"""Output in a workflow of GitHub Actions, where each printed line may be a command.

GitHub's runner takes a line for a command if it begins with ``::``, or holds ``##[`` anywhere
(`ActionCommand` of actions/runner). Text from images is printed in many places, so all output
passes through here.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterator

_COMMANDS = re.compile(r"(?:^|(?<=[\r\n]))[^\S\r\n]*+:(?=:)|##(?=\[)")


class _EscapingStream(io.TextIOWrapper):
    """Standard output or error, with a blank inserted into anything that would be a command."""

    _line = ""
    """The part of the unfinished line that decides if what follows is a command."""

    def write(self, text: str) -> int:
        escaped = _COMMANDS.sub(r"\g<0> ", self._line + text)
        super().write(escaped[len(self._line) :])
        line = re.split(r"[\r\n]", escaped)[-1]
        self._line = line if line.strip() in ("", ":") else f".{line[-2:]}"
        return len(text)

    def write_unescaped(self, text: str) -> None:
        super().write(text)


@contextlib.contextmanager
def escape_commands() -> Iterator[None]:
    """Escape everything printed in the block, if this is a workflow."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        yield
        return
    before = {"stdout": sys.stdout, "stderr": sys.stderr}
    escaping: list[_EscapingStream] = []
    for name, stream in before.items():
        if isinstance(stream, io.TextIOWrapper):
            stream.flush()
            buffering = stream.line_buffering
            each = _EscapingStream(stream.buffer, "utf-8", "replace", line_buffering=buffering)
            setattr(sys, name, each)
            escaping.append(each)
    try:
        yield
    finally:
        vars(sys).update(before)
        for each in escaping:
            each.detach()


def print_commands(text: str) -> None:
    """Print whole lines of workflow commands, unescaped."""
    stream = sys.stdout
    if isinstance(stream, _EscapingStream):
        stream.write_unescaped(text)
    else:
        stream.write(text)
