"""The cost of certify as one thing grows: checks, images, history, jobs; all else stays the same.

Checks are own ones that do nothing, on a busybox; jobs are images at a time in a sweep of several
busyboxes. Images and history are those of a ledger whose reports are written anew.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from statistics import median

from benchmarks.commands import Cost, cost
from benchmarks.report import Section
from certify.ledger.store import Ledger
from tests.factories import many

CERTIFY = [sys.executable, "-P", "-m", "certify"]
BUSYBOX = "certify-sample/busybox:latest"
OF_BUSYBOX = ("--profile", "plain", "--pull", "never")
CHECKS, IMAGES, HISTORY, JOBS = (0, 100, 400), (100, 400, 1_600), (1, 10, 40), (1, 2, 4)
SWEPT = 8
PAGES = 100
"""The number of images whose history grows."""
OWN = '''
@check("own.n{number}", title="{number}", remedy="None.")
def test_{number}():
    """Nothing {number}.

    Why: to count.

    How: it passes.
    """
'''


def run_with_checks(folder: Path, count: int) -> Cost:
    """Certify a busybox with so many own checks."""
    own = folder / f"checks-{count}"
    own.mkdir()
    text = "".join(OWN.format(number=number) for number in range(count))
    (own / "test_own.py").write_text(f"from certify.suite import check\n{text}", "utf-8")
    more = ("--checks", str(own)) if count else ()
    reports = ("--reports", str(folder / f"reports-{count}"))
    command = [*CERTIFY, "run", BUSYBOX, *OF_BUSYBOX, *more, *reports]
    found = [cost(command, folder, (0, 1)) for _ in range(3)]
    return Cost(*(median(each) for each in zip(*found, strict=True)))


def report_of(folder: Path, images: int, runs: int) -> Cost:
    """Write the reports of a ledger of so many images with so many results each."""
    reports = Path(tempfile.mkdtemp(dir=folder))
    with Ledger.open(str(reports / "certify.db")) as ledger:
        for result in islice(many(images, runs=runs), images * runs):
            ledger.record(result)
    return cost([*CERTIFY, "report", "--reports", str(reports)], folder)


def sweep_with_jobs(folder: Path, jobs: int) -> Cost:
    """Sweep several busyboxes, so many at a time."""
    with _busyboxes() as names:
        (folder / "list.txt").write_text("\n".join(names), "utf-8")
        more = ["--jobs", str(jobs), "--quiet", "--reports", str(folder / f"jobs-{jobs}")]
        return cost([*CERTIFY, "sweep", str(folder / "list.txt"), *OF_BUSYBOX, *more], folder, (1,))


@contextmanager
def _busyboxes() -> Iterator[list[str]]:
    names = [f"certify-benchmark/busybox-{number}:latest" for number in range(SWEPT)]
    with ExitStack() as stack:
        for number, name in enumerate(names):
            dockerfile = f"FROM {BUSYBOX}\nLABEL certify.benchmark={number}\n"
            subprocess.run(
                ["docker", "build", "-q", "-t", name, "-"],
                check=True, capture_output=True, text=True, input=dockerfile,
            )  # fmt: skip
            remove = ["docker", "rmi", "--no-prune", name]
            stack.callback(subprocess.run, remove, check=True, capture_output=True)
        yield names


def section() -> Section:
    """Measure the four curves."""
    about = Section(
        "What certify costs as one thing grows. *Checks*: a run of a busybox with so many own "
        "checks that do nothing. *Images*: the reports of so many with a result each, written "
        f"anew; *history*: of {PAGES} with so many results each. *Jobs*: a sweep of {SWEPT} "
        "busyboxes, so many at a time.",
        ("", "", "core-seconds", "seconds", "peak memory"),
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        curves = {
            "checks": {count: run_with_checks(folder, count) for count in CHECKS},
            "images": {count: report_of(folder, count, 1) for count in IMAGES},
            "history": {count: report_of(folder, PAGES, count) for count in HISTORY},
            "jobs": {count: sweep_with_jobs(folder, count) for count in JOBS},
        }
    for what, found in curves.items():
        figures = [each.seconds if what == "jobs" else each.cores for each in found.values()]
        unit = "seconds" if what == "jobs" else "core-seconds"
        about.curves[f"{what}: {unit}"] = list(zip(found, figures, strict=True))
        for count, each in found.items():
            about.rows.append((
                what, f"{count:,}", f"{each.cores:.2f}", f"{each.seconds:.2f}",
                f"{each.mebibytes:.0f} MiB",
            ))  # fmt: skip
    return about
