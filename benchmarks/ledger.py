"""Time to read the matrix from ledgers of several sizes, and the cost of a run beside them.

The ledgers are filled with synthetic results of one row each, without statistics of the database:
its planner must not need them. A run certifies a busybox in a new process, in an SQLite ledger of
so many images; its cost is in core-seconds of certify and its children.
Run ``python -m benchmarks.ledger [--rows 1000 10000] [--beside 0 10000]``; it prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from certify.ledger.rows import row_of
from certify.ledger.schema import results_table
from certify.ledger.store import Ledger
from tests.factories import NOON, digest, result_of
from tests.support import postgresql

RUNS = 3


def rows(count: int) -> Iterator[dict[str, object]]:
    """Yield rows of as many images, each with a small document."""
    template = result_of(1, NOON)
    small = template.model_copy(update={"checks": template.checks[:3]})
    for number in range(count):
        named = {
            "reference": f"registry.invalid/team/app:{number}", "tag": str(number),
            "digest": digest(number), "image_id": digest(number),
        }  # fmt: skip
        image = small.image.model_copy(update=named)
        yield row_of(small.model_copy(update={"image": image}))


def fill(ledger: Ledger, count: int) -> None:
    made = rows(count)
    while part := list(islice(made, 1000)):
        with ledger._database.engine.begin() as connection:
            connection.execute(results_table.insert(), part)


def measure(url: str, count: int) -> tuple[float, float]:
    """Return the seconds to read the rows of the matrix, and the plan of a sweep."""
    with Ledger.open(url) as ledger:
        fill(ledger, count)
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(RUNS):
            reads: tuple[Callable[[], Sequence[object]], ...] = (
                ledger.matrix_rows, ledger.results_in_force,
            )  # fmt: skip
            for read, into in zip(reads, times, strict=True):
                begun = time.perf_counter()
                assert len(read()) == count
                into.append(time.perf_counter() - begun)
    return statistics.median(times[0]), statistics.median(times[1])


def run_beside(folder: Path, count: int) -> tuple[float, float]:
    """Return core-seconds and seconds of a run of one image beside so many others."""
    reports = folder / f"beside-{count}"
    reports.mkdir()
    with Ledger.open(str(reports / "certify.db")) as ledger:
        fill(ledger, count)
    command = [
        sys.executable, "-P", "-m", "certify", "run", "certify-sample/busybox", "--profile",
        "plain", "--pull", "never", "--reports", str(reports),
    ]  # fmt: skip
    costs, times = [], []
    for _ in range(RUNS):
        before, begun = os.times(), time.perf_counter()
        ended = subprocess.run(command, check=False, capture_output=True, text=True)
        assert ended.returncode in (0, 1), ended.stderr
        after = os.times()
        times.append(time.perf_counter() - begun)
        costs.append(
            after.children_user - before.children_user
            + after.children_system - before.children_system
        )  # fmt: skip
    return statistics.median(costs), statistics.median(times)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, nargs="*", default=[1_000, 10_000, 20_000])
    parser.add_argument("--beside", type=int, nargs="*", default=[])
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, median of {RUNS}\n")
    print("| rows | SQLite: matrix | plan | PostgreSQL: matrix | plan |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder, postgresql.running() as server:
        assert server is not None, "PostgreSQL is not installed"
        for count in options.rows:
            file = measure(str(Path(folder) / f"{count}.db"), count)
            remote = measure(server.new_schema(), count)
            cells = " | ".join(f"{each:.2f} s" for each in (*file, *remote))
            print(f"| {count:,} | {cells} |", flush=True)
        for count in options.beside:
            cost, seconds = run_beside(Path(folder), count)
            print(f"run beside {count:,}: {cost:.2f} core-seconds, {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()
