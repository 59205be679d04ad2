"""A real pseudo-terminal with a screen of so many cells, for what is drawn on one."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pyte

PLAIN = ("CI", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE")
"""What tells a program to draw otherwise; no program here inherits it."""
BEFORE_ERASING = re.compile(rb"(?=\r?\x1b\[2K)")


@dataclass(frozen=True)
class Shown:
    """What a program did on its terminal."""

    code: int
    written: bytes
    screens: tuple[tuple[str, ...], ...]
    """Its lines after each step of drawing, without blanks at their ends."""
    cursor_hidden: bool

    @property
    def last(self) -> tuple[str, ...]:
        """The lines that are left in the end."""
        return tuple(line for line in self.screens[-1] if line)


def on_terminal(
    command: list[str],
    folder: Path,
    *,
    columns: int = 80,
    rows: int = 24,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Shown:
    """Run a program whose standard error, and nothing else, is a terminal, to its end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in PLAIN}
    process = subprocess.Popen(
        command, cwd=folder, env=kept | {"TERM": "xterm-256color", **environment},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    screen = pyte.Screen(columns, rows)
    stream = pyte.ByteStream(screen)
    written, screens = b"", []
    while piece := _read(ours):
        written += piece
        for part in BEFORE_ERASING.split(piece):  # what was drawn and erased at once was seen, too
            stream.feed(part)
            screens.append(tuple(line.rstrip() for line in screen.display))
    os.close(ours)
    code = process.wait(timeout=60)
    return Shown(code, written, tuple(screens), screen.cursor.hidden)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux: nobody has the other side open any more
        return b""
