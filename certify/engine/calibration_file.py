"""The last calibration of an ordinary host, kept for some minutes for the processes that follow.

It stands in ``$XDG_CACHE_HOME/certify/calibration.json`` (by default below ``~/.cache``) and counts
for one engine, until its machine is booted again. That of a host that is slow or busy is not kept,
and where a verdict depends on the speed, the host is measured whatever the file says.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path

from certify.engine.client import Engine
from certify.engine.connection import engine_address
from certify.judge.startup import ORDINARY_SECONDS
from certify.model.host import Calibration
from certify.util.files import cache_folder, write_atomically

KEPT_SECONDS = 300.0
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def read(engine: Engine) -> Calibration | None:
    """Return the calibration if there is one of this engine and this boot, and a recent one."""
    with contextlib.suppress(OSError, RuntimeError, LookupError, TypeError, ValueError):
        kept = json.loads(_path().read_bytes())
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - kept["at"]
        if kept["of"] == _identity(engine) and 0 <= age < KEPT_SECONDS:
            return Calibration.model_validate(kept["calibration"])
    return None


def keep(engine: Engine, found: Calibration) -> Calibration:
    """Keep a calibration, if it is that of an ordinary host, and return it."""
    if found.total_seconds <= ORDINARY_SECONDS:
        with contextlib.suppress(OSError, RuntimeError):  # no home folder, or none to write to
            content = {
                "of": _identity(engine),
                "at": time.clock_gettime(time.CLOCK_BOOTTIME),
                "calibration": found.model_dump(mode="json"),
            }
            write_atomically(_path(), json.dumps(content) + "\n", durable=False)
    return found


def _identity(engine: Engine) -> list[str]:
    boot = BOOT_ID.read_text("ascii").strip()
    address = engine.address or os.environ.get("DOCKER_HOST") or str(engine_address())
    return [boot, address, str(engine.info.get("ID"))]


def _path() -> Path:
    return cache_folder() / "calibration.json"
