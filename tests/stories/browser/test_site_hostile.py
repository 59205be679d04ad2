"""Images that lie wherever they can put text: nothing of it runs, loads, hides or turns a page."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.stories.browser.conftest import Site, Visit
from tests.stories.browser.hostile import COLOURED, TURNED
from tests.stories.browser.test_site_matrix import key, read_all

pytestmark = pytest.mark.browser

WIDTHS = (360, 1280)
POWERFUL = sorted({letter for letter in COLOURED + TURNED if not letter.isprintable()})


def unharmed(page: Page, width: int) -> None:
    """Nothing ran, nothing was added to the page, and its text is all ordinary letters."""
    assert page.evaluate("window.harmed === undefined")
    foreign = (
        "script:not([src^='assets/'], [src^='../assets/'], [src^='images/']), iframe, base, style"
    )
    assert page.locator(foreign).count() == 0
    assert page.locator("img[onerror], svg[onload], meta[http-equiv=refresh]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") == width
    text = page.content()
    assert not [letter for letter in POWERFUL if letter in text]
    expect(page.locator("main")).to_be_visible()


@pytest.mark.parametrize("width", WIDTHS)
def test_the_matrix_shows_hostile_results(visit: Visit, harmful: Site, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 800})
    page = visit.open(harmful.index)
    assert len(read_all(page)) == len({key(result) for result in harmful.results})
    unharmed(page, width)
    heights = page.locator("#matrix tbody tr").evaluate_all(
        "rows => rows.map(row => Math.round(row.getBoundingClientRect().height))"
    )
    assert len(set(heights)) == 1
    page.locator("#filter-text").fill("harm-")
    for row in range(3):
        page.locator("#matrix tbody tr").nth(row).locator("td button.failed").first.click()
        expect(page.locator("#detail pre").first).to_be_visible()
        unharmed(page, width)
        page.keyboard.press("Escape")


@pytest.mark.parametrize("width", WIDTHS)
def test_image_pages_and_comparison_show_hostile_results(
    visit: Visit, harmful: Site, width: int
) -> None:
    visit.page.set_viewport_size({"width": width, "height": 800})
    for result in (each for each in harmful.results if "harm-" in each.image.reference):
        page = visit.open(harmful.page_of(result))
        expect(page.get_by_label("Verdict")).to_contain_text("REJECTED")
        unharmed(page, width)
    page = visit.open(harmful.folder / "compare.html")
    names = page.locator("#names option").evaluate_all("all => all.map(each => each.value)")
    for name, field in zip(
        [name for name in names if "harm" in name], ("one", "other"), strict=False
    ):
        page.locator(f"#{field}").fill(name)
        page.locator(f"#{field}").blur()
        expect(page.locator("#comparison thead")).to_contain_text(name.partition(" (devspace")[0])
    unharmed(page, width)


def test_hostile_texts_make_no_page_large(harmful: Site) -> None:
    sizes = [file.stat().st_size for file in (harmful.folder / "images").iterdir()]
    assert max(sizes) < 1_000_000
    assert (harmful.folder / "assets" / "rows.js").stat().st_size < 50_000


def test_a_script_that_got_into_a_page_would_not_run(
    visit: Visit, harmful: Site, tmp_path: Path
) -> None:
    """Even if escaping failed: the Content-Security-Policy stands."""
    planted = (
        "<script>window.harmed = 1</script><img src=x onerror='window.harmed = 2'>"
        "<style>body { color: red }</style><a href='javascript:window.harmed = 3' id=js>x</a>"
        "<iframe srcdoc='<script>parent.harmed = 4</script>'></iframe>"
        "<img src='https://harm.invalid/seen.png'>"
        "<script src='https://harm.invalid/more.js'></script>"
    )
    source = harmful.index.read_text("utf-8")
    # Beside the real one, so that what it may load is there.
    copy = harmful.folder / f"{tmp_path.name}.html"
    copy.write_text(source.replace('<main id="main"', f'{planted}<main id="main"'), "utf-8")
    try:
        page = visit.open(copy)
        expect(page.locator("#count")).to_contain_text("results")
        page.locator("#js").click()
        assert page.evaluate("window.harmed === undefined")
        assert page.evaluate("getComputedStyle(document.body).color") != "rgb(255, 0, 0)"
    finally:
        copy.unlink()
    assert any("Content Security Policy" in said for said in visit.complaints)
    assert visit.asked == []
    visit.complaints.clear()
