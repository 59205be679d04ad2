"""Whole certifications of real images, compared with the bare operations and with each other."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import commands, native
from benchmarks.machine import Stopwatch, least_seconds
from benchmarks.report import Section, compared, ratio

CERTIFY = (sys.executable, "-P", "-m", "certify")
VARIANTS = 6
OFFICIAL = f"""FROM {native.IMAGE}
RUN rm -f /var/cache/apt/*.bin && cd /etc/apt/apt.conf.d \\
 && clean='{{ "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin"; }};' \\
 && echo 'Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";' >docker-clean \\
 && echo "APT::Update::Post-Invoke $clean DPkg::Post-Invoke $clean" >>docker-clean \\
 && echo 'Acquire::GzipIndexes "true";' >docker-gzip-indexes \\
 && echo 'Acquire::Languages "none";' >docker-no-languages \\
 && echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/docker-apt-speedup
"""
"""The native image with the settings of apt and dpkg that Docker's of Debian and Ubuntu have."""


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


def chain_of(checks: Sequence[Mapping[str, Any]], seconds: float) -> str:
    """Return how long parts of a run of some seconds took that wait for each other.

    ``checks`` are those of its result, with the moments at which they began.
    """
    spans: dict[str, list[float]] = {}
    for each in checks:
        if (began := each["began_seconds"]) is not None:
            spans.setdefault(each["lane"], []).extend((began, began + each["seconds"]))
    lanes = {lane: (min(spans[lane]), max(spans[lane])) for lane in spans if lane}
    if not lanes:
        return "No checks ran side by side."
    begun, ended = (
        min(first for first, _ in lanes.values()),
        max(last for _, last in lanes.values()),
    )
    done = max(max(each) for each in spans.values())
    longest = max(lanes, key=lambda lane: lanes[lane][1] - lanes[lane][0])
    return (
        f"One more run: {begun:.1f} s until the image is up and timed, {ended - begun:.1f} s side "
        f"by side (the longest lane, `{longest}`, {lanes[longest][1] - lanes[longest][0]:.1f} s), "
        f"{done - ended:.1f} s for what must run alone (restarts and shutdown), and "
        f"{seconds - done:.1f} s before and after. Each waits for the one before."
    )


def native_image() -> Section:
    """Check one native image in four ways."""
    return _in_four_ways(
        native.IMAGE,
        "One native image. The floor is the bare container operations one after another (boot, "
        "packages, a service, nested containers, compose, a restart of dockerd, stop, start); "
        "`pytest + testinfra` is the same as ordinary tests. `certify` also measures the host, "
        "collects evidence, records the result and writes reports.",
    )


def official_image() -> Section:
    """Check a native image in which apt is set up as in official ones, in four ways."""
    with _built({"certify-benchmark/official:latest": OFFICIAL}) as (image,):
        return _in_four_ways(
            image,
            "The image of `native` with what Docker's official images of Debian and Ubuntu set for "
            "apt and dpkg: among other things, no index of packages is kept, so that each command "
            "makes one anew. For checks, certify has one kept.",
        )


def _in_four_ways(image: str, about: str) -> Section:
    """Certify an image in lanes and in series, and do the same without certify."""
    ways: dict[str, Callable[[str], object]] = {
        "floor": native.floor,
        "certify": native.certify,
        "certify --series": lambda image: native.certify(image, "--series"),
        "pytest + testinfra": native.plain,
    }
    turns = native.turns(ways, image, runs=3)
    times = seconds_of(turns)
    section = compared(about, times)
    section.wanted = [
        ("certify / floor", ratio(times["certify"], times["floor"]), 0.80),
        ("certify / pytest", ratio(times["certify"], times["pytest + testinfra"]), 0.62),
    ]
    with Stopwatch() as watch:
        result = native.certify(image)
    section.bound = f"{bound_of(turns)} {chain_of(result['checks'], watch.seconds)}"
    return section


def on_launch() -> Section:
    """Check an image to which the launch brings what it lacks."""
    ways: dict[str, Callable[[str], object]] = {
        "floor": native.floor_on_launch,
        "certify": native.certify,
    }
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
    turns = native.turns(ways, image, runs=5)
    times = seconds_of(turns)
    section = compared("An image without a shell: the whole process.", times)
    section.wanted = [("seconds", median(times["certify"]), 0.9)]
    section.bound = bound_of(turns)
    return section


def sweep() -> Section:
    """Check several native images in a sweep, one and two at a time."""
    section = Section(
        f"{VARIANTS} native images in one sweep. Core-seconds are of certify's own processes, "
        "*busy* ones of the whole machine. *Warm* is each further image of the sweep, one at a "
        "time, beside the first.",
        ("images at a time", "seconds", "per image", "core-seconds per image", "busy per image"),
    )
    least: dict[str, float] = {}

    def add(name: str, watch: Stopwatch, cores: float, count: int) -> None:
        cells = (watch.seconds, watch.seconds / count, cores / count, watch.busy / count)
        section.rows.append((name, *(f"{each:.2f}" for each in cells)))
        section.bars[name] = watch.seconds / count
        least[name] = least_seconds(watch.busy / count)

    with tempfile.TemporaryDirectory() as name, variants() as images:
        first, first_cores = _time_sweep(Path(name) / "first", images[:1], jobs=1)
        one, one_cores = _time_sweep(Path(name) / "one", images, jobs=1)
        two, two_cores = _time_sweep(Path(name) / "two", images, jobs=2)
    warm = Stopwatch()
    warm.seconds, warm.busy = one.seconds - first.seconds, one.busy - first.busy
    warm_cores, others = one_cores - first_cores, VARIANTS - 1
    add("1", one, one_cores, VARIANTS)
    add("2", two, two_cores, VARIANTS)
    add("1, warm", warm, warm_cores, others)
    turns = native.turns({"floor": native.floor}, native.IMAGE, runs=2)
    floor = median(each.seconds for each in turns["floor"])
    section.wanted = [
        ("one at a time, warm, per image / floor", warm.seconds / others / floor, 0.70),
        ("two at a time / one at a time", two.seconds / one.seconds, 1 / 1.5),
        ("core-seconds per image, warm", warm_cores / others, 0.5),
    ]
    section.bound = (
        f"If no core ever waited, an image would take {least['2']:.1f} s, "
        f"{least['2'] / floor:.2f} of the floor ({floor:.1f} s). The first two figures exclude "
        f"each other where that is above {0.70 / 1.5:.2f}."
    )
    return section


def _time_sweep(folder: Path, images: Sequence[str], *, jobs: int) -> tuple[Stopwatch, float]:
    """Sweep images with a new ledger; return the times, and the core-seconds of certify itself."""
    folder.mkdir()
    (folder / "images.txt").write_text("".join(f"{each}\n" for each in images), "utf-8")
    words = ["sweep", "images.txt", "--jobs", str(jobs), "--pull", "never", "--quiet"]
    with Stopwatch() as watch:
        taken = commands.cost([*CERTIFY, *words, "--reports", "reports"], folder)
    return watch, taken.cores


def variants() -> AbstractContextManager[list[str]]:
    """Build images that differ by a label only, yield their names, and remove them."""
    return _built({
        f"certify-benchmark/{number}:latest": f"FROM {native.IMAGE}\nLABEL benchmark={number}\n"
        for number in range(VARIANTS)
    })  # fmt: skip


@contextmanager
def _built(dockerfiles: Mapping[str, str]) -> Iterator[list[str]]:
    """Build images of Dockerfiles by their names, yield the names, and remove the images."""
    for name, dockerfile in dockerfiles.items():
        subprocess.run(
            ["docker", "build", "-q", "-t", name, "-"],
            check=True, capture_output=True, text=True, input=dockerfile,
        )  # fmt: skip
    try:
        yield list(dockerfiles)
    finally:
        subprocess.run(
            ["docker", "rmi", "--no-prune", *dockerfiles], check=True, capture_output=True
        )
