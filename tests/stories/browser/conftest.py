"""A real browser, Debian's Chromium, without any network; every page is watched for trouble."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright

from certify.ledger.changes import SweepEntry, sweep_entry
from certify.ledger.store import Ledger
from certify.model.file_names import Layout, certificate_stem
from certify.model.result import Result
from certify.model.terms import Status
from certify.publish.writer import update_reports
from tests.factories import NOON, many, result_of
from tests.stories.browser.hostile import hostile

OTHER = {
    Status.CERTIFIED: Status.REJECTED,
    Status.REJECTED: Status.CERTIFIED,
    Status.INCONCLUSIVE: Status.CERTIFIED,
}
PATIENCE = 10_000
"""Milliseconds for what happens within an instant, on a machine that is busy."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("needs Chromium")
    # Its sandbox is not for root.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=options)
        yield running
        running.close()


@dataclass(frozen=True)
class Site:
    """A site, and the results that it shows."""

    folder: Path
    results: tuple[Result, ...]
    layout: Layout = "flat"

    @property
    def index(self) -> Path:
        return self.folder / "index.html"

    def page_of(self, result: Result) -> Path:
        return self.folder / "images" / f"{certificate_stem(result, self.layout)}.html"


def build(
    folder: Path,
    results: Iterable[Result],
    sweeps: Sequence[Sequence[SweepEntry]] = (),
    layout: Layout = "flat",
) -> Site:
    """The site of a new ledger that holds these results, and what sweeps found."""
    with Ledger.open(f"sqlite:///{folder / 'certify.db'}") as ledger:
        for result in results:
            ledger.record(result)
        for found in sweeps:
            number = ledger.sweeps.begin("images.txt", "nobody", lambda _: True)
            ledger.sweeps.finish(number, found)
        update_reports(folder, ledger, now=NOON, layout=layout)
        return Site(folder, tuple(ledger.matrix_results()), layout)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The site of 64 images with a past, in a folder whose name needs escaping in an address.

    The last sweep found changes of every kind, among them an image that is gone.
    """
    results = [*many(60, runs=3), *(plain(result_of(number, NOON)) for number in range(60, 64))]
    now = list({each.key: each for each in map(sweep_entry, results)}.values())
    before = [*now[8:], *(replace(each, status=OTHER[each.status]) for each in now[:4])]
    gone = replace(now[0], reference="registry.example/gone:1")
    name = "reports of Ana #1 %41 ü?"
    return build(tmp_path_factory.mktemp(name), results, [[*before, gone], now])


def plain(result: Result) -> Result:
    """The same of another profile, which asks less."""
    checks = tuple(each for each in result.checks if each.group in ("image", "packages"))
    return result.model_copy(update={"profile": "plain", "checks": checks})


@pytest.fixture(scope="session")
def harmful(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The site of three hostile images among some good ones, swept twice without a change."""
    results = [*many(3), *map(hostile, range(3, 6))]
    twice = [[sweep_entry(result) for result in results]] * 2
    return build(tmp_path_factory.mktemp("harmful"), results, twice)


@dataclass
class Visit:
    """A page, and what went wrong on it."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Addresses that are no files, and that its Content-Security-Policy let it ask for."""

    def open(self, path: Path, rest: str = "") -> Page:
        """Open a file as a person does who clicks on it; ``rest`` is the address after its name."""
        self.page.goto(path.absolute().as_uri() + rest)
        return self.page


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """A new page without a network, at noon; at the end nothing must have gone wrong on it."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, offline=True)
    context.clock.set_fixed_time(NOON)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    found = Visit(page)
    page.on("console", lambda said: _note(found, said.type, said.text))
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    page.on("requestfinished", lambda request: _ask(found, request))
    page.on("requestfailed", lambda request: _ask(found, request))
    yield found
    context.close()
    assert found.complaints == []
    assert found.asked == []


def _ask(visit: Visit, request: Request) -> None:
    local = request.url.startswith(("file:", "data:", "blob:"))
    if not local and request.failure != "csp":
        visit.asked.append(f"{request.url}: {request.failure}")


def _note(visit: Visit, kind: str, text: str) -> None:
    if kind in ("error", "warning"):
        visit.complaints.append(text)
