"""Time to write the site of 1,000 and 10,000 images, and to use it in a real browser.

The ledger is synthetic (`tests.factories`). The site is written three times, each in a new process:
all of it, then with nothing changed, then with new results for one image in a hundred. Then
Debian's Chromium opens the matrix. Measured are the time until the first row is visible, the time
from a letter in the search field until the rows change, the time from a click on a column until
they are sorted, the longest frame while scrolling through all rows, and the renderer's memory.

Run ``python -m benchmarks.site [--images 1000 10000]``; it prints Markdown.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.report import Section
from certify.ledger.store import Ledger
from certify.publish.writer import update_reports
from certify.util.garbage import collect_rarely
from tests.factories import NOON, many, result_of

RUNS = 5
CHROMIUM = shutil.which("chromium")
FIRST_ROW = """
const observer = new MutationObserver(() => {
  if (!document.querySelector('#matrix tbody [data-reference]')) return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => { window.firstRow = performance.now(); }));
});
observer.observe(document, {childList: true, subtree: true});
"""
UNTIL_OTHER_ROWS = """async () => {
  const body = document.querySelector('#matrix tbody'), started = performance.now();
  const changed = new Promise(resolve => new MutationObserver((_, observer) => {
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - started)));
  }).observe(body, {childList: true, subtree: true, attributes: true, characterData: true}));
  ACT;
  return await changed;
}"""
LONGEST_FRAME = """async () => {
  const scroller = document.querySelector('#scroller');
  let longest = 0, last = performance.now();
  const end = scroller.scrollHeight, step = Math.max(end / 200, 400);
  for (let top = 0; top < end; top += step) {
    scroller.scrollTop = top;
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }
  scroller.scrollTop = 0;
  return longest;
}"""


def ledger_at(folder: Path) -> str:
    return f"sqlite:///{folder / 'certify.db'}"


def write(folder: Path) -> tuple[float, float, int]:
    """Write the site; return seconds, peak memory in MiB, and the number of pages written."""
    collect_rarely()  # as every command does
    started = time.perf_counter()
    with Ledger.open(ledger_at(folder)) as ledger:
        written = update_reports(folder, ledger)
    seconds = time.perf_counter() - started
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, written


def write_in_process(folder: Path) -> tuple[float, float, int]:
    """Run :func:`write` in a new process, to measure the peak memory of nothing else."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as pool:
        return pool.submit(write, folder).result()


class Rendering(NamedTuple):
    """Seconds to write all, nothing, and one image in a hundred; and what that took."""

    whole: float
    peak: float
    unchanged: float
    some: float
    pages: int
    megabytes: float

    def cells(self, images: int) -> tuple[str, ...]:
        """Return a row of the table."""
        return (
            f"{images:,}", f"{self.whole:.1f} s", f"{self.peak:.0f} MiB",
            f"{self.unchanged:.2f} s", f"{self.some:.2f} s ({self.pages} pages)",
            f"{self.megabytes:.0f} MB",
        )  # fmt: skip


def rendering(folder: Path, images: int) -> Rendering:
    """Fill a ledger, and write its site three times."""
    folder.mkdir()
    with Ledger.open(ledger_at(folder)) as ledger:
        for result in many(images):
            ledger.record(result)
    whole, peak, pages = write_in_process(folder)
    assert pages == images
    unchanged, _, pages = write_in_process(folder)
    assert pages == 0
    with Ledger.open(ledger_at(folder)) as ledger:
        for number in islice(range(images), 0, images, 100):
            ledger.record(result_of(number, NOON + timedelta(days=1)))
    some, _, pages = write_in_process(folder)
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.suffix != ".db") / 1e6
    return Rendering(whole, peak, unchanged, some, pages, size)


def section() -> Section:
    """Write the reports of many images."""
    about = Section(
        "Everything below `reports/`, from a ledger of synthetic results with "
        f"{len(result_of(1, NOON).checks)} checks each; see also "
        "[the site in a browser](scale.md).",
        ("images", "all written", "peak memory", "nothing changed", "one in 100 changed", "size"),
    )
    with tempfile.TemporaryDirectory() as name:
        for images in (1_000, 10_000):
            found = rendering(Path(name) / str(images), images)
            about.rows.append(found.cells(images))
            about.bars |= {f"{images:,} images": found.whole}
    about.wanted = [
        ("seconds, 10,000 images", found.whole, 12),
        ("seconds, one in 100 changed", found.some, 2),
    ]
    return about


def visit(browser: Browser, index: Path, measure: Callable[[Page], Any]) -> Any:
    """Open the matrix in a new page, wait for its first row, and return the measurement."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, offline=True)
    page = context.new_page()
    page.add_init_script(FIRST_ROW)
    page.goto(index.absolute().as_uri())
    page.wait_for_function("window.firstRow")
    found = measure(page)
    context.close()
    return found


def until_other_rows(act: str) -> str:
    # Composed here, because the page's Content-Security-Policy forbids scripts to evaluate text.
    return UNTIL_OTHER_ROWS.replace("ACT", act)


def typed(text: str) -> str:
    return (
        "const field = document.querySelector('#filter-text');"
        f"field.value = {text!r}; field.dispatchEvent(new Event('input', {{bubbles: true}}));"
    )


def first_row(page: Page) -> float:
    return float(page.evaluate("window.firstRow"))


def filtering(page: Page) -> float:
    """Return the median milliseconds from a change of the search field to other rows."""
    texts = ("games", "", "fedora-0", "")
    return statistics.median(float(page.evaluate(until_other_rows(typed(t)))) for t in texts)


def sorting(page: Page) -> float:
    click = "document.querySelectorAll('#matrix thead button')[1].click()"
    return statistics.median(float(page.evaluate(until_other_rows(click))) for _ in range(3))


def memory(browser: Browser, page: Page) -> tuple[float, float]:
    """Return MB on the JavaScript heap after a collection, and MB private to the renderer."""
    page.evaluate(LONGEST_FRAME)
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    heap = session.send("Runtime.getHeapUsage")["usedSize"] / 1e6
    running = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    held = max(_anonymous(each["id"]) for each in running if each["type"] == "renderer")
    return heap, held


def _anonymous(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1e3
    return 0.0


def using(browser: Browser, folder: Path, images: int) -> str:
    """Use the site of a folder and return a row of the second table."""
    index = folder / "index.html"
    visit(browser, index, first_row)  # to warm up
    first = statistics.median(visit(browser, index, first_row) for _ in range(RUNS))
    filtered = statistics.median(visit(browser, index, filtering) for _ in range(RUNS))
    ordered = statistics.median(visit(browser, index, sorting) for _ in range(RUNS))
    frame = statistics.median(
        visit(browser, index, lambda page: page.evaluate(LONGEST_FRAME)) for _ in range(RUNS)
    )
    heap, held = visit(browser, index, lambda page: memory(browser, page))
    return (
        f"| {images:,} | {first:.0f} ms | {filtered:.0f} ms | {ordered:.0f} ms | {frame:.0f} ms"
        f" | {heap:.0f} MB | {held:.0f} MB |"
    )


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, nargs="+", default=[1_000, 10_000])
    counts = parser.parse_args().images
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folders = {images: Path(name) / str(images) for images in counts}
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        print(f"{os.cpu_count()} cores, Linux {platform.release()}, Chromium {browser.version}\n")
        print(
            "| images | all written | peak memory | nothing changed | one in 100 changed | size |"
        )
        print("| ---: | ---: | ---: | ---: | ---: | ---: |")
        for images, folder in folders.items():
            print(f"| {' | '.join(rendering(folder, images).cells(images))} |", flush=True)
        print("\n| images | first row | filter | sort | longest frame | heap | renderer |")
        print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
        for images, folder in folders.items():
            print(using(browser, folder, images), flush=True)
        browser.close()


if __name__ == "__main__":
    main()
