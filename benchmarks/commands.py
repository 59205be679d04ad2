"""Core-seconds, time and peak memory of commands that start no container, each in a new process.

The floor is an interpreter that does nothing. All take turns, so that a machine that slows down
slows all of them; core-seconds are the figure that other work disturbs least.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.report import Section, ratio

# In a process of its own: the peak of a new process counts from that of its parent.
FILL = "import json, benchmarks.verify as v; print(json.dumps(v.a_list(10_000), indent=1))"
# The peak memory of a process counts from that of its parent, which is therefore a small one.
LAUNCHER = """
import os, sys, time
began = time.perf_counter()
nowhere = [(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)]
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=nowhere)
_, status, used = os.wait4(pid, 0)
seconds = time.perf_counter() - began
cores = used.ru_utime + used.ru_stime
print(os.waitstatus_to_exitcode(status), cores, seconds, used.ru_maxrss / 1024)
"""
CERTIFY = [sys.executable, "-P", "-m", "certify"]
IMAGE = f"registry.invalid/team/i5000@sha256:{5000:064x}"
VERIFY = "verify, list of 10,000"
COMMANDS = {
    "floor": [sys.executable, "-P", "-c", "pass"],
    "--version": [*CERTIFY, "--version"],
    "--help": [*CERTIFY, "--help"],
    "run --help": [*CERTIFY, "run", "--help"],
    "profiles": [*CERTIFY, "profiles"],
    "checks": [*CERTIFY, "checks"],
    VERIFY: [*CERTIFY, "verify", IMAGE, "--approved", "list.json"],
}


class Cost(NamedTuple):
    """What one process took."""

    cores: float
    seconds: float
    mebibytes: float


def cost(command: list[str], folder: Path, codes: Collection[int] = (0,)) -> Cost:
    """Run a command; what it prints on standard error goes to ``folder/stderr``.

    ``codes`` are the exit codes that are expected.
    """
    with (folder / "stderr").open("wb") as errors:
        launched = subprocess.run(
            [sys.executable, "-I", "-S", "-c", LAUNCHER, *command],
            cwd=folder, stdout=subprocess.PIPE, stderr=errors, check=True,
        )  # fmt: skip
    code, *taken = launched.stdout.split()
    assert int(code) in codes, (command, (folder / "stderr").read_text())
    return Cost(*map(float, taken))


def section(rounds: int = 7) -> Section:
    """Measure the commands in turn."""
    found: dict[str, list[Cost]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / "list.json").open("wb") as file:
            subprocess.run([sys.executable, "-c", FILL], stdout=file, check=True)
        for turn in range(rounds + 1):
            for each, command in COMMANDS.items():
                taken = cost(command, folder)
                found[each] += [taken] if turn else []  # the first warms up
    about = Section(
        "Commands that start no container, each in a new process. The floor is an interpreter that "
        "does nothing; core-seconds are what other work disturbs least.",
        ("command", "core-seconds", "to the floor", "seconds", "peak memory"),
    )
    for each, costs in found.items():
        least = ratio([one.cores for one in costs], [one.cores for one in found["floor"]])
        about.rows.append((
            each, f"{median(one.cores for one in costs):.2f}", f"{least:.1f}",
            f"{median(one.seconds for one in costs):.2f}",
            f"{median(one.mebibytes for one in costs):.0f} MiB",
        ))  # fmt: skip
        about.bars[each] = median(one.seconds for one in costs)
    about.wanted = [
        (f"seconds, {each}", about.bars[each], 0.15) for each in ("--help", "--version", VERIFY)
    ]
    return about
