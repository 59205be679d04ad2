"""Whole certifications of real images, compared with the bare operations and with each other."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks import commands, native
from benchmarks.machine import Stopwatch, busy_seconds, least_seconds
from benchmarks.report import Section, compared, ratio

CERTIFY = (sys.executable, "-P", "-m", "certify")
VARIANTS = 4


def seconds_of(turns: Mapping[str, Sequence[Stopwatch]]) -> dict[str, list[float]]:
    """Return the seconds of each turn of some ways."""
    return {name: [each.seconds for each in taken] for name, taken in turns.items()}


def bound_of(turns: Mapping[str, Sequence[Stopwatch]]) -> str:
    """Return how little time each way can take on this machine, in terms of the first one's."""
    floor = median(each.seconds for each in next(iter(turns.values())))
    parts = []
    for name, taken in turns.items():
        busy = median(each.busy for each in taken)
        least = least_seconds(busy)
        parts.append(f"`{name}` {busy:.1f} ({least:.1f} s, {least / floor:.2f} of the floor)")
    return (
        "Core-seconds that the whole machine was busy, and what they take if no core ever waits: "
        f"{', '.join(parts)}."
    )


def native_image() -> Section:
    """Check one native image in four ways."""
    turns = native.turns(
        {
            "floor": native.floor,
            "certify": native.certify,
            "certify --series": lambda image: native.certify(image, "--series"),
            "pytest + testinfra": native.plain,
        },
        native.IMAGE,
        runs=3,
    )
    times = seconds_of(turns)
    section = compared(
        "One native image. The floor is the bare container operations one after another (boot, "
        "packages, a service, nested containers, compose, a restart of dockerd, stop, start); "
        "`pytest + testinfra` is the same as ordinary tests. `certify` also measures the host, "
        "collects evidence, records the result and writes reports.",
        times,
    )
    section.wanted = [
        ("certify / floor", ratio(times["certify"], times["floor"]), 0.80),
        ("certify / pytest", ratio(times["certify"], times["pytest + testinfra"]), 0.62),
    ]
    section.bound = bound_of(turns)
    return section


def on_launch() -> Section:
    """Check an image to which the launch brings what it lacks."""
    ways = {"floor": native.floor_on_launch, "certify": native.certify}
    times = seconds_of(native.turns(ways, native.ON_LAUNCH, runs=2))
    section = compared(
        "One image without systemd and dockerd, which are installed at launch. The floor is the "
        "same launch, and the operations of `native`.",
        times,
    )
    section.wanted = [("certify / floor", ratio(times["certify"], times["floor"]), 1.05)]
    return section


def scratch() -> Section:
    """Check an image that cannot be a base."""
    image = "certify-sample/scratch:latest"
    ways = {"certify": lambda _image: native.certify(image, code=1)}
    times = seconds_of(native.turns(ways, image, runs=5))
    section = compared("An image without a shell: the whole process.", times)
    section.wanted = [("seconds", median(times["certify"]), 0.9)]
    return section


def sweep() -> Section:
    """Check several native images in a sweep, one and two at a time."""
    section = Section(
        f"{VARIANTS} native images in one sweep. Core-seconds are of certify's own processes, "
        "*busy* ones an image's of the whole machine.",
        ("images at a time", "seconds", "seconds per image", "core-seconds per image", "busy"),
    )
    with tempfile.TemporaryDirectory() as name, variants() as images:
        folder = Path(name)
        listing = folder / "images.txt"
        listing.write_text("".join(f"{each}\n" for each in images), "utf-8")
        taken, busy = {}, {}
        for jobs in (1, 2):
            words = ["sweep", str(listing), "--jobs", str(jobs), "--pull", "never", "--quiet"]
            before = busy_seconds()
            cost = commands.cost([*CERTIFY, *words, "--reports", str(folder / str(jobs))], folder)
            busy[jobs] = (busy_seconds() - before) / VARIANTS
            taken[jobs] = cost
            cells = (cost.seconds, cost.seconds / VARIANTS, cost.cores / VARIANTS, busy[jobs])
            section.rows.append((str(jobs), *(f"{each:.2f}" for each in cells)))
            section.bars[f"{jobs} at a time"] = cost.seconds / VARIANTS
    floor = native.turns({"floor": native.floor}, native.IMAGE, runs=1)["floor"][0].seconds
    section.wanted = [
        ("one at a time, per image / floor", taken[1].seconds / VARIANTS / floor, 0.70),
        ("two at a time / one at a time", taken[2].seconds / taken[1].seconds, 1 / 1.5),
        ("core-seconds per image", taken[1].cores / VARIANTS, 0.5),
    ]
    least = least_seconds(min(busy.values()))
    section.bound = (
        f"If no core ever waited, an image would take {least:.1f} s: {least / floor:.2f} of the "
        f"floor ({floor:.1f} s). The first figure and the second exclude each other where that is "
        f"above {0.70 / 1.5:.2f}."
    )
    return section


@contextmanager
def variants() -> Iterator[list[str]]:
    """Build images that differ by a label only, yield their names, and remove them."""
    names: list[str] = []
    for number in range(VARIANTS):
        names.append(f"certify-benchmark/{number}:latest")
        dockerfile = f"FROM {native.IMAGE}\nLABEL certify.benchmark={number}\n"
        subprocess.run(
            ["docker", "build", "-q", "-t", names[-1], "-"],
            check=True, capture_output=True, text=True, input=dockerfile,
        )  # fmt: skip
    try:
        yield names
    finally:
        subprocess.run(["docker", "rmi", "--no-prune", *names], check=True, capture_output=True)
