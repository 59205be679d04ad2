"""What certify costs with many images: ``python -m benchmarks.scale [IMAGES]``, default 10,000.

Everything is measured twice, with a tenth of the images and with all of them, so that one sees
whether cost grows in a line: the slope is the exponent of that growth, in core-seconds. Every
command is a new process; what it loads has a floor, the first row. Ledgers and lists are synthetic,
the registry is Debian's, and only the run launches a container.

The section *scale* of docs/performance.md is written, with both tables of what was seen once.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from statistics import median

from benchmarks import losses, stores
from benchmarks.commands import CERTIFY, Cost, cost
from benchmarks.report import Section, write
from benchmarks.verify import a_list
from certify.ledger.store import Ledger
from tests.support import postgresql
from tests.support.registries import running

RUNS = 10
"""The number of results of each image in the ledger."""
AT_ONCE = 50
BESIDE = 50_000
LIST = 10_000
LIMIT_SECONDS, LIMIT_MIB, LIMIT_SLOPE = 20, 400, 1.1


def commands(folder: Path, count: int) -> Iterator[tuple[str, Cost]]:
    """Measure what reads a ledger of so many images, each with :data:`RUNS` results."""
    reports = folder / f"ledger-{count}"
    reports.mkdir()
    with Ledger.open(str(reports / "certify.db")) as ledger:
        stores.fill(ledger, count, runs=RUNS)
    more = ["--reports", str(reports)]
    yield "matrix", cost([*CERTIFY, "matrix", "--format", "json", *more], folder)
    yield "diff", cost([*CERTIFY, "diff", *more], folder)
    yield "publish", cost([*CERTIFY, "publish", *more], folder)
    yield "report, all", cost([*CERTIFY, "report", *more], folder)
    with Ledger.open(str(reports / "certify.db")) as ledger:
        stores.record_again(ledger, count)
    yield "report, one in 100", cost([*CERTIFY, "report", *more], folder)
    image = next(stores.results(1)).image
    command = [*CERTIFY, "verify", f"{image.registry}/{image.repository}@{image.digest}"]
    yield (
        "verify",
        cost([*command, "--approved", str(reports / "approved-images.json")], folder, (0, 1)),
    )


def sweeps(folder: Path, count: int) -> Iterator[tuple[str, Cost]]:
    """Measure a sweep of so many tags of which none has changed, on both databases."""
    folder.mkdir()
    with ExitStack() as stack:
        registry = stack.enter_context(running(folder))
        server = stack.enter_context(postgresql.running())
        assert server is not None, "PostgreSQL is not installed"
        stores.write_tags(registry, count)
        listing = stores.write_list(folder / "many.txt", registry.host)
        for name, url in (("SQLite", str(folder / "certify.db")), ("PG", server.new_schema())):
            with Ledger.open(url) as ledger:
                stores.fill(ledger, count, registry=registry.host)
            reports = folder / f"reports-{name}"
            more = ["--ledger", url, "--reports", str(reports), "--fail-on", "never"]
            command = [*CERTIFY, "sweep", str(listing), *more]
            cost(command, folder)  # this one writes the files of all images
            yield f"unchanged sweep, {name}", cost(command, folder)
            assert f"{count} fresh" in (folder / "stderr").read_text()


def verify_at_once(folder: Path) -> Cost:
    """Return the medians of many processes at once that verify one image of a list each."""
    (folder / "list.json").write_text(json.dumps(a_list(LIST), indent=1))
    images = (f"registry.invalid/team/i{n}@sha256:{n:064x}" for n in range(AT_ONCE))
    begun = [[*CERTIFY, "verify", image, "--approved", "list.json"] for image in images]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda command: cost(command, folder), begun))
    return Cost(*(median(each) for each in zip(*found, strict=True)))


def run_beside(folder: Path, count: int) -> Cost:
    """Return what a run of one busybox costs beside so many images, its children included."""
    reports = folder / f"beside-{count}"
    reports.mkdir()
    with Ledger.open(str(reports / "certify.db")) as ledger:
        stores.fill(ledger, count)
    found = []
    for _ in range(3):
        before, begun = os.times(), time.perf_counter()
        more = ["--profile", "plain", "--pull", "never", "--reports", str(reports)]
        command = [*CERTIFY, "run", "certify-sample/busybox", *more]
        ended = subprocess.run(command, check=False, capture_output=True, text=True)
        assert ended.returncode in (0, 1), ended.stderr
        after, seconds = os.times(), time.perf_counter() - begun
        cores = after.children_user - before.children_user
        cores += after.children_system - before.children_system
        found.append(Cost(cores, seconds, 0))
    return Cost(*(median(each) for each in zip(*found, strict=True)))


def section(count: int = 10_000) -> Section:
    """Measure all of it for a number of images."""
    about = Section(
        f"With {count:,} images ({RUNS} results of each in the ledger of all but sweep and run), "
        f"and with a tenth of them. A run is beside {BESIDE:,} images, {AT_ONCE} verify at once "
        f"with a list of {LIST:,}. *Lost* are results out of {losses.RESULTS} while the database "
        "does something else; each is recorded in the end, by the next command if need be.",
        ("", f"core-s, {count // 10:,}", f"core-s, {count:,}", "slope", "seconds", "memory"),
    )
    found: dict[str, list[Cost]] = {}
    for size in (count // 10, count):
        with tempfile.TemporaryDirectory() as name:
            for what, each in chain(commands(Path(name), size), sweeps(Path(name) / "s", size)):
                found.setdefault(what, []).append(each)
                print(f"{size:,} {what}: {each}", flush=True)
    for what, (small, large) in found.items():
        slope = math.log10(large.cores / small.cores)
        bounded = what in ("matrix", "diff", "publish", "report, one in 100")
        _add(about, what, small, large, f"{slope:.2f}")
        if bounded:
            about.wanted += [
                (f"{what}: seconds", large.seconds, LIMIT_SECONDS),
                (f"{what}: MiB", large.mebibytes, LIMIT_MIB),
                (f"{what}: slope", slope, LIMIT_SLOPE),
            ]
        if what.startswith("unchanged"):
            about.wanted += [
                (f"{what}: seconds", large.seconds, 15 * max(1, count / 10_000)),
                (f"{what}: MiB", large.mebibytes, 200 if count <= 10_000 else LIMIT_MIB),
            ]
    with tempfile.TemporaryDirectory() as name:
        at_once, alone = verify_at_once(Path(name)), run_beside(Path(name), 0)
        beside = run_beside(Path(name), BESIDE)
        lost = losses.section_rows(Path(name))
    _add(about, f"verify, {AT_ONCE} at once, each", None, at_once, "")
    _add(about, "run beside none", None, alone, "")
    _add(about, f"run beside {BESIDE:,}", None, beside, "")
    about.wanted += [
        (f"verify, {AT_ONCE} at once: seconds", at_once.seconds, 3),
        (f"verify, {AT_ONCE} at once: MiB each", at_once.mebibytes, 60),
        (f"run beside {BESIDE:,}: core-seconds", beside.cores, 1.3),
        *((f"lost: {what}", count, 0) for what, count in lost.items()),
    ]
    return about


def _add(about: Section, what: str, small: Cost | None, large: Cost, slope: str) -> None:
    memory = f"{large.mebibytes:.0f} MiB" if large.mebibytes else ""
    about.rows.append((
        what, f"{small.cores:.1f}" if small else "", f"{large.cores:.1f}", slope,
        f"{large.seconds:.1f} s", memory,
    ))  # fmt: skip


if __name__ == "__main__":
    write("scale", section(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
