"""Core-seconds, time and peak memory of commands that start no container, each in a new process.

The floor is an interpreter that does nothing. All take turns, so that a machine that slows down
slows all of them; core-seconds are the figure that other work disturbs least.

Run ``python -m benchmarks.commands [--rounds N]``; it prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

# In a process of its own: the peak of a new process counts from that of its parent.
FILL = "import json, benchmarks.verify as v; print(json.dumps(v.a_list(10_000), indent=1))"
CERTIFY = [sys.executable, "-P", "-m", "certify"]
IMAGE = f"registry.invalid/team/i5000@sha256:{5000:064x}"
COMMANDS = {
    "floor": [sys.executable, "-P", "-c", "pass"],
    "--version": [*CERTIFY, "--version"],
    "--help": [*CERTIFY, "--help"],
    "run --help": [*CERTIFY, "run", "--help"],
    "profiles": [*CERTIFY, "profiles"],
    "checks": [*CERTIFY, "checks"],
    "verify, list of 10,000": [*CERTIFY, "verify", IMAGE, "--approved", "list.json"],
}


class Cost(NamedTuple):
    """What one process took."""

    cores: float
    seconds: float
    mebibytes: float


def cost(command: list[str], folder: Path) -> Cost:
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    assert process.returncode == 0, command
    return Cost(used.ru_utime + used.ru_stime, seconds, used.ru_maxrss / 1024)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=11)
    found: dict[str, list[Cost]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / "list.json").open("wb") as file:
            subprocess.run([sys.executable, "-c", FILL], stdout=file, check=True)
        for turn in range(parser.parse_args().rounds + 1):
            for each, command in COMMANDS.items():
                taken = cost(command, folder)
                found[each] += [taken] if turn else []  # the first warms up
    print("| command | core-seconds | to the floor | seconds | peak memory |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for each, costs in found.items():
        ratio = median(
            one.cores / least.cores for one, least in zip(costs, found["floor"], strict=True)
        )
        print(
            f"| {each} | {median(one.cores for one in costs):.2f} | {ratio:.1f}"
            f" | {median(one.seconds for one in costs):.2f}"
            f" | {median(one.mebibytes for one in costs):.0f} MiB |"
        )


if __name__ == "__main__":
    main()
