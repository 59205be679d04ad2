"""Measures what docs/performance.md shows: ``python -m benchmarks [PART...]``, or ``make bench``.

Without a part, all of them: up to 50 minutes on two cores. Each has a process of its own, as the
peak memory of a new process counts from that of its parent.
"""

from __future__ import annotations

import subprocess
import sys
import time
from importlib import import_module

from benchmarks.report import write

PARTS = {
    "native": "images:native_image",
    "official": "images:official_image",
    "on-launch": "images:on_launch",
    "scratch": "images:scratch",
    "sweep": "images:sweep",
    "help": "commands:section",
    "verify": "verify:section",
    "unchanged": "unchanged:section",
    "rendering": "site:section",
    "growth": "growth:section",
    "scale": "scale:section",
}


def main(parts: list[str]) -> int:
    """Measure some parts, and write their sections."""
    if unknown := set(parts) - set(PARTS):
        known = ", ".join(PARTS)
        print(f"benchmarks: no such part: {', '.join(sorted(unknown))}; there are {known}")
        return 2
    if len(parts) == 1:
        begun = time.monotonic()
        module, _, function = PARTS[parts[0]].partition(":")
        write(parts[0], getattr(import_module(f"benchmarks.{module}"), function)())
        print(f"{parts[0]}: {time.monotonic() - begun:.0f} s", flush=True)
        return 0
    codes = [
        subprocess.run([sys.executable, "-m", "benchmarks", part], check=False).returncode
        for part in parts or PARTS
    ]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
