"""A real browser, Debian's Chromium, without any network; every page is watched for trouble."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

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


@dataclass
class Visit:
    """A page, and what went wrong on it."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Addresses it asked for that are no files."""

    def open(self, path: Path, query: str = "") -> Page:
        """Open a file as a person does who clicks on it."""
        self.page.goto(path.absolute().as_uri() + query)
        return self.page


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """A new page without a network; at the end nothing must have gone wrong on it."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, offline=True)
    page = context.new_page()
    found = Visit(page)
    page.on("console", lambda said: _note(found, said.type, said.text))
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    page.on(
        "request",
        lambda request: (
            found.asked.append(request.url)
            if not request.url.startswith(("file:", "data:", "blob:"))
            else None
        ),
    )
    yield found
    context.close()
    assert found.complaints == []
    assert found.asked == []


def _note(visit: Visit, kind: str, text: str) -> None:
    if kind in ("error", "warning"):
        visit.complaints.append(text)
