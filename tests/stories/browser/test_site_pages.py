"""The pages beside the matrix, and all pages in every size and colour."""

from __future__ import annotations

import re
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from certify.fix.proposal import is_offered
from certify.model.result import Result
from certify.model.terms import Grade, Outcome, Status
from certify.publish.phrases import Mark, mark_of
from certify.publish.suggestion import suggest
from tests.factories import many
from tests.stories.browser.conftest import Site, Visit, build

pytestmark = pytest.mark.browser

PAGES = ("matrix", "every check", "cell", "image", "compare", "suggest")
WIDTHS = (360, 768, 2560)  # a phone's, a tablet's, a wide screen's
SCHEMES: dict[Literal["light", "dark"], str] = {
    "light": "rgb(255, 255, 255)",
    "dark": "rgb(13, 17, 23)",
}


def rejected(site: Site) -> Result:
    return next(r for r in site.results if r.verdict.status is Status.REJECTED)


def goto(visit: Visit, site: Site, name: str) -> Page:
    """One of :data:`PAGES`."""
    if name == "image":
        return visit.open(site.page_of(rejected(site)))
    if name == "compare":
        page = visit.open(site.folder / "compare.html")
        expect(page.locator("#comparison tbody tr").first).to_be_visible()
        return page
    if name == "suggest":
        page = visit.open(site.folder / "suggest.html")
        expect(page.locator("#fitting tbody tr").first).to_be_visible()
        return page
    # A few rows, for they are all alike.
    query = rejected(site).image.repository if name == "cell" else "data/debian"
    page = visit.open(site.index, f"#q={query}&view={'checks' * (name == 'every check')}")
    expect(page.locator("#matrix tbody tr[data-reference]").first).to_be_visible()
    if name == "cell":
        page.locator("#matrix td button.failed").first.click()
        expect(page.locator("#detail pre").first).to_be_visible()
    return page


def test_an_image_page_shows_the_whole_result(visit: Visit, site: Site) -> None:
    result = rejected(site)
    page = visit.open(site.page_of(result))
    expect(page.get_by_role("heading", level=1)).to_have_text(result.image.reference)
    expect(page.get_by_label("Verdict")).to_contain_text("REJECTED")
    expect(page.get_by_label("Verdict")).to_contain_text(result.verdict.reasons[0].text)
    for check in result.checks:
        item = page.locator(f"[id='{check.id.replace('.', '-')}']")
        expect(item.locator("summary")).to_contain_text(f"{check.id} {check.outcome.value}")
        told_above = any(check.id == reason.check for reason in result.verdict.reasons)
        assert item.locator("details").evaluate("d => d.open") == (
            mark_of(check) in (Mark.FAILED, Mark.UNKNOWN) and not told_above
        )
    assert not page.locator("details.passes").evaluate("d => d.open")
    text = page.inner_text("main")
    assert result.image.digest is not None
    for fact in (result.image.digest, result.launch.reproduce, "6.18.1"):
        assert fact in text
    history = page.locator("table.history tbody")
    assert history.count() == 1
    expect(history.locator("th")).to_contain_text(result.image.digest)
    assert history.locator("td:first-child").count() == 3
    expect(page.locator("svg.timeline")).to_be_visible()
    expect(page.locator("svg.trend circle")).to_have_count(3)
    assert page.locator("img").evaluate("badge => badge.naturalWidth") > 60


def test_a_button_copies_the_fix(visit: Visit, site: Site) -> None:
    page = visit.open(site.page_of(next(each for each in site.results if is_offered(each))))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    command = page.get_by_label("Verdict").locator(".command")
    command.get_by_role("button", name="Copy").click()
    expect(command.get_by_role("button")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == command.locator("pre").inner_text()


@pytest.mark.parametrize("width", [390, 700, 1280])
def test_the_level_of_a_check_stands_behind_its_message(
    visit: Visit, site: Site, width: int
) -> None:
    page = visit.open(site.page_of(rejected(site)))
    page.set_viewport_size({"width": width, "height": 800})
    page.locator("details").evaluate_all("all => all.forEach(each => each.open = true)")
    misplaced = page.locator(".checks summary").evaluate_all("""all => all.filter(summary => {
        const [mark, level] = [".mark", ".quiet"].map(each => summary.querySelector(each));
        const [box, left, right] = [summary, mark, level].map(each => each.getBoundingClientRect());
        return right.bottom > box.bottom || (right.top < left.bottom && right.left < left.right);
    }).map(each => each.innerText)""")
    assert misplaced == []


def test_a_link_opens_the_check_that_it_leads_to(visit: Visit, site: Site) -> None:
    result = rejected(site)
    passed = next(check for check in result.checks if mark_of(check) is Mark.PASSED)
    page = visit.open(site.page_of(result), f"#{passed.id.replace('.', '-')}")
    expect(page.locator("li:target details")).to_have_attribute("open", "")
    expect(page.locator("li:target")).to_be_in_viewport()


def test_a_page_shows_that_its_certificate_has_expired(browser: Browser, site: Site) -> None:
    result = next(r for r in site.results if r.verdict.grade is Grade.NATIVE)
    context = browser.new_context(offline=True)
    context.clock.set_fixed_time(max(each.expires_at for each in site.results))
    page = context.new_page()
    page.goto(site.page_of(result).as_uri())
    expect(page.get_by_label("Verdict")).to_contain_text("expired")
    expect(page.get_by_label("Verdict").locator("strong")).to_have_text("EXPIRED")
    expect(page).to_have_title(re.compile("^EXPIRED: "))
    page.goto(site.index.as_uri())
    assert page.locator("#tiles button", has_text="certified").all_inner_texts() == [
        "0\n✓ certified native",
        "0\n✓ certified on-launch",
    ]
    context.close()


def test_two_images_are_compared(visit: Visit, site: Site) -> None:
    bad = rejected(site)
    good = next(
        r for r in site.results if r.verdict.grade is Grade.NATIVE and r.profile == bad.profile
    )
    page = visit.open(site.folder / "compare.html")
    for field, result in (("one", good), ("other", bad)):
        name = f"{result.image.reference} ({result.profile}, {result.image.platform})"
        page.locator(f"#{field}").fill(name)
        page.locator(f"#{field}").blur()
    page.reload()  # the choice is in the address
    heads = page.locator("#comparison thead a")
    assert heads.all_inner_texts() == [good.image.reference, bad.image.reference]
    page.locator("#differences").check()
    (failed,) = [check.id for check in bad.checks if check.outcome is Outcome.FAILED]
    rows = page.locator("#comparison tr[data-check]")
    assert rows.evaluate_all("rows => rows.map(row => row.dataset.check)") == [failed]
    heads.last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(bad.image.reference)


@pytest.mark.parametrize(
    ("needs", "megabytes", "order"),
    [("", "", ""), ("devspace", "", "fastest"), ("dockerd, packages.install", "", ""),
     ("dockerd", "300", ""), ("systemd", "250.5", "fastest"), ("nothing", "", "")],
)  # fmt: skip
def test_the_form_finds_what_the_command_suggests(
    visit: Visit, site: Site, needs: str, megabytes: str, order: str
) -> None:
    page = visit.open(site.folder / "suggest.html")
    page.locator("#needs").fill(needs)
    page.locator("#size").fill(megabytes)
    page.locator("#order").select_option(order)
    page.reload()  # what was asked for is in the address
    limit = int(float(megabytes) * 1e6) if megabytes else None
    names = list(filter(None, needs.split(", ")))
    wanted = suggest(site.results, names, limit, fastest=bool(order))
    assert page.locator("#fitting tbody a").all_inner_texts() == [
        each.results[0].image.reference for each in wanted[:100]
    ]
    found = re.compile(rf"^{len(wanted)} of \d+ certified images fit")
    expect(page.locator("#count")).to_have_text(found)
    command = [
        "certify suggest",
        f"--needs {','.join(names)}" if names else "",
        f"--size-max {megabytes}MB" if limit else "",
        "--fastest" if order else "",
    ]
    expect(page.locator("#command")).to_have_text(" ".join(filter(None, command)))


@pytest.mark.parametrize("name", PAGES)
def test_no_page_is_wider_than_its_window(visit: Visit, site: Site, name: str) -> None:
    visit.page.set_viewport_size({"width": WIDTHS[0], "height": 800})
    page = goto(visit, site, name)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_accessible(visit: Visit, site: Site, name: str) -> None:
    page = goto(visit, site, name)
    for scheme, ground in SCHEMES.items():
        page.emulate_media(color_scheme=scheme)
        shade = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert shade == ground
        # It would fetch the style sheet again, which the Content-Security-Policy forbids. What is
        # no matter of colours is the same in both schemes.
        colours = {"runOnly": ["color-contrast"]} if scheme == "dark" else {}
        found = Axe().run(page, options={"preload": False, **colours})
        assert found.violations_count == 0, found.generate_report()


def test_the_theme_can_be_chosen_and_is_kept(visit: Visit, site: Site) -> None:
    page = visit.open(site.index)
    seen = set()
    for _ in range(3):
        page.locator("#theme").click()
        seen.add(page.evaluate("getComputedStyle(document.body).color"))
        said = page.locator("#theme").inner_text()
        page.reload()
        expect(page.locator("#theme")).to_have_text(said)
    assert len(seen) == 2


def test_without_javascript_an_image_page_is_whole(browser: Browser, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(site.page_of(rejected(site)).as_uri())
    expect(page.get_by_label("Verdict")).to_contain_text("REJECTED")
    page.goto(site.index.as_uri())
    link = page.get_by_role("link", name="matrix.md")
    expect(link).to_be_visible()
    assert (site.folder / str(link.get_attribute("href"))).is_file()
    context.close()


def test_every_link_leads_to_a_file(visit: Visit, site: Site) -> None:
    check_links(visit, site)


def test_every_link_leads_to_a_file_in_folders(visit: Visit, tmp_path: Path) -> None:
    site = build(tmp_path, many(20), layout="folders")
    check_links(visit, site)
    page = goto(visit, site, "cell")
    page.locator("#detail").get_by_role("link", name="All about").click()
    expect(page.get_by_label("Verdict")).to_contain_text("REJECTED")
    assert page.get_by_role("img", name="rejected").evaluate("image => image.naturalWidth") > 0
    page.get_by_role("link", name="Compare", exact=True).first.click()
    expect(page.locator("#comparison tbody tr").first).to_be_visible()


def check_links(visit: Visit, site: Site) -> None:
    for name in PAGES:
        page = goto(visit, site, name)
        links = page.locator("a").evaluate_all("all => all.map(a => new URL(a.href).pathname)")
        root = Path(page.evaluate("decodeURIComponent(location.pathname)"))
        assert root.is_file()
        for link in links:
            assert Path(page.evaluate("decodeURIComponent", link)).is_file(), link


def test_a_web_server_may_show_it_below_any_path(browser: Browser, site: Site) -> None:
    """The Content-Security-Policy means another thing there than for files."""
    root = site.folder.parent.parent
    handler = partial(Quiet, directory=str(root))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = browser.new_page()
        failed: list[str] = []
        page.on("requestfailed", lambda request: failed.append(request.url))
        path = quote(str(site.index.relative_to(root)))
        page.goto(f"http://127.0.0.1:{server.server_port}/{path}")
        page.locator("#matrix td button.failed").first.click()
        expect(page.locator("#detail pre").first).to_be_visible()
        page.locator("#detail").get_by_role("link", name="All about").click()
        expect(page.get_by_label("Verdict")).to_contain_text("REJECTED")
        expect(page.locator("svg.trend")).to_have_css("padding-left", "84px")
        page.close()
        server.shutdown()
    assert failed == []


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass
