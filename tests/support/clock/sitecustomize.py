"""Sets the clock of a Python process: to what the file that CERTIFY_TEST_CLOCK names says.

Python imports this module by itself from a folder in PYTHONPATH. The file holds the seconds by
which the clock is ahead, and may change at any moment. The monotonic clock is left alone, as it is
where an administrator or NTP sets the clock of a host. libfaketime breaks Python's sleep.
"""

from __future__ import annotations

import datetime
import os
import time
from pathlib import Path

_real = time.time
_file = Path(os.environ["CERTIFY_TEST_CLOCK"])


def _ahead() -> float:
    return float(_file.read_text())


class _Datetime(datetime.datetime):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> _Datetime:
        return cls.fromtimestamp(_real() + _ahead(), tz)


time.time = lambda: _real() + _ahead()
time.time_ns = lambda: int(time.time() * 1e9)
datetime.datetime = _Datetime  # type: ignore[misc]
