"""Pictures of what people see: `python -m scripts.pictures REPORTS FOLDER`, for scripts/screenshot.

``matrix.png`` and ``terminal.png`` are the documentation's. The others, of each page in light and
dark at two widths, are to be looked at.
"""

from __future__ import annotations

import fcntl
import html
import os
import pty
import shutil
import struct
import subprocess
import sys
import termios
from itertools import product
from pathlib import Path
from typing import Literal

import pyte
from playwright.sync_api import Browser, sync_playwright

COLUMNS, ROWS = 80, 24
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SHOWN = "certify-sample/debian-broken-dockerd:latest"
"""The image whose certification the terminal shows, and whose page is taken."""
COLOURS = {"red": "#a40e26", "green": "#116329", "brown": "#7a4c00", "cyan": "#0550ae"}
STYLE = (
    "margin:0;padding:12px;display:inline-block;background:#fff;color:#1f2328;"
    "font:13px/1.35 'DejaVu Sans Mono',monospace"
)


def screen_after(command: list[str]) -> pyte.Screen:
    """Return the screen of a terminal of 80x24 on which a command has run to its end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = os.environ | {"TERM": "xterm-256color", "CI": "false"}
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    while piece := _read(ours):
        stream.feed(piece)
    os.close(ours)
    process.wait()
    return screen


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux: nobody has the other side open any more
        return b""


def page_of(screen: pyte.Screen) -> str:
    """Return a screen as HTML."""
    lines = []
    for row in range(ROWS):
        cells = [screen.buffer[row][column] for column in range(COLUMNS)]
        lines.append("".join(
            f'<span style="color:{COLOURS.get(cell.fg, "inherit")};'
            f'font-weight:{700 if cell.bold else 400}">{html.escape(cell.data)}</span>'
            for cell in cells
        ))  # fmt: skip
    return f'<pre style="{STYLE}">{"<br>".join(lines)}</pre>'


def take_terminal(browser: Browser, reports: Path, picture: Path) -> None:
    """Certify an image, and take the picture of what the terminal shows in the end."""
    certify = Path(sys.executable).parent / "certify"
    screen = screen_after([str(certify), "run", "--reports", str(reports), SHOWN])
    page = browser.new_page(viewport={"width": 900, "height": 600})
    page.set_content(page_of(screen))
    page.locator("pre").screenshot(path=picture)


def take_matrix(browser: Browser, reports: Path, picture: Path) -> None:
    """Take the picture of the matrix of one profile."""
    page = browser.new_page(viewport={"width": 1180, "height": 720})
    page.goto((reports / "index.html").absolute().as_uri() + "#profile=devspace")
    page.locator("#matrix tbody tr[data-reference]").first.wait_for()
    bottom = page.locator("#scroller").bounding_box()
    assert bottom
    height = min(bottom["y"] + bottom["height"] + 12, 720)
    page.screenshot(path=picture, clip={"x": 0, "y": 0, "width": 1180, "height": height})


def take_pages(browser: Browser, reports: Path, folder: Path) -> None:
    """Take pictures of each kind of page, wide and narrow, light and dark."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = SHOWN.replace("/", "_").replace(":", "_")
    files = [*reports.glob("[a-z]*.html"), *reports.glob(f"images/{stem}_*.html")]
    for width, scheme in product((1280, 390), SCHEMES):
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        for file in files:
            page.goto(file.absolute().as_uri())
            page.wait_for_load_state("load")
            page.screenshot(path=folder / f"{file.stem[:20]}-{width}-{scheme}.png", full_page=True)
        page.close()


def main(reports: Path, folder: Path) -> None:
    """Take all pictures; those to be looked at stand beside the reports."""
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=options)
        take_matrix(browser, reports, folder / "matrix.png")
        take_terminal(browser, reports, folder / "terminal.png")
        take_pages(browser, reports, reports / "pictures")
        browser.close()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
