"""Core-seconds that the whole machine was busy: certify, the engine, and what runs in containers.

They say how little time some work can take: with all cores busy all the time, busy core-seconds
divided by the number of cores. What else runs on the machine counts, too.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_TICKS = os.sysconf("SC_CLK_TCK")
_FIELDS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq")
_WAITING = ("idle", "iowait")


class Stopwatch:
    """A context manager that measures the seconds, and the busy core-seconds, of a block."""

    seconds = 0.0
    busy = 0.0
    """Core-seconds of all processes of the machine."""

    def __enter__(self) -> Self:
        self._busy, self._begun = busy_seconds(), time.perf_counter()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.seconds = time.perf_counter() - self._begun
        self.busy = busy_seconds() - self._busy


def busy_seconds(stat: Path = Path("/proc/stat")) -> float:
    """Return the core-seconds that all cores were busy since the start of the system.

    Source: proc_stat(5), the first line.
    """
    ticks = zip(_FIELDS, stat.read_text("ascii").split()[1:], strict=False)
    return sum(int(each) for name, each in ticks if name not in _WAITING) / _TICKS


def loop_seconds(turns: int = 1_000_000) -> float:
    """Return the seconds in which Python counts so far: how quick one core is just now."""
    begun = time.perf_counter()
    for _ in range(turns):
        pass
    return time.perf_counter() - begun


def least_seconds(busy: float) -> float:
    """Return the seconds that some busy core-seconds take if no core ever waits."""
    return busy / (os.cpu_count() or 1)
