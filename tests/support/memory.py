"""The peak memory of a command, measured by a process that is small itself.

Linux counts as a program's peak what its parent had at the moment of the start, too, and a process
that runs tests has hundreds of MiB. So an interpreter that has loaded nothing starts the command.
"""

from __future__ import annotations

import sys
from pathlib import Path

_SMALL = """
import os, resource, sys
child = os.fork()
if child == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
with open(sys.argv[1], "w") as file:
    file.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code if code >= 0 else 128 - code)
"""


def measured(command: list[str], file: Path) -> list[str]:
    """Return a command line that runs a command, and has a file say how much memory it took."""
    return [sys.executable, "-I", "-S", "-c", _SMALL, str(file), *command]


def peak(file: Path) -> int:
    """Return how many MiB the largest of the command's processes had."""
    return int(file.read_text()) // 1024
