"""The matrix in a browser, opened from its file: everything in it, and everything done with it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import unquote

import pytest
from playwright.sync_api import Page, expect

from certify.model.result import Result
from certify.model.terms import Grade, Status
from certify.publish.best_for import best_for
from certify.publish.matrix_data import cell_of
from certify.publish.phrases import LEGEND, Mark, mark_of
from tests.factories import NOON
from tests.stories.browser.conftest import Site, Visit

pytestmark = pytest.mark.browser

Cells = dict[tuple[str, str, str], dict[str, tuple[str, str]]]
SHOWN = """() => [...document.querySelectorAll('#matrix tbody tr[data-reference]')].map(row => [
    row.dataset.reference, row.dataset.profile, row.dataset.platform,
    [...row.querySelectorAll('[data-check]')].map(
        cell => [cell.dataset.check, cell.dataset.outcome, cell.innerText.trim()])])"""
OUTCOMES = {mark: mark.name.lower() for mark in LEGEND}


def references(page: Page) -> list[str]:
    """The rows that are drawn, from above."""
    return [row[0] for row in page.evaluate(SHOWN)]


def read_all(page: Page) -> Cells:
    """Every cell of the matrix, scrolled through from its beginning to its end."""
    found: Cells = {}
    while True:
        for reference, profile, platform, cells in page.evaluate(SHOWN):
            found[reference, profile, platform] = {name: (kind, text) for name, kind, text in cells}
        if page.evaluate(
            """() => { const s = document.querySelector('#scroller');
                const before = s.scrollTop; s.scrollTop += s.clientHeight / 2;
                return s.scrollTop === before; }"""
        ):
            return found
        page.evaluate("() => new Promise(requestAnimationFrame)")


def key(result: Result) -> tuple[str, str, str]:
    return result.image.reference, result.profile, result.image.platform or ""


def assert_all_cells_are_true(page: Page, site: Site) -> None:
    cells = read_all(page)
    assert cells.keys() == {key(result) for result in site.results}
    for result in site.results:
        for group, said in cells[key(result)].items():
            cell = cell_of(result, [group])
            outcome = OUTCOMES[cell.mark] if cell.mark else "none"
            assert said == (outcome, str(cell)), f"{group} of {result.image.reference}"


def test_every_cell_equals_the_ledger(visit: Visit, site: Site) -> None:
    assert_all_cells_are_true(visit.open(site.index), site)


def test_every_check_equals_the_ledger(visit: Visit, site: Site) -> None:
    page = visit.open(site.index)
    page.get_by_label("every check").check()
    cells = read_all(page)
    assert cells.keys() == {key(result) for result in site.results}
    for result in site.results:
        told = {c.id: (OUTCOMES[mark_of(c)], mark_of(c).value) for c in result.checks}
        said = {name: cell for name, cell in cells[key(result)].items() if cell != ("none", "")}
        assert said == told


def test_only_rows_in_view_are_drawn_and_all_are_counted(visit: Visit, site: Site) -> None:
    page = visit.open(site.index)
    assert 10 < len(references(page)) < len(site.results)
    assert page.locator("#matrix").get_attribute("aria-rowcount") == str(len(site.results) + 1)
    expect(page.locator("#count")).to_have_text(f"{len(site.results)} results")
    expect(page.locator("#matrix thead th").first).to_be_in_viewport()
    page.locator("#scroller").evaluate("s => { s.scrollTop = s.scrollHeight; }")
    expect(page.locator("#matrix thead th").first).to_be_in_viewport()


def test_the_morning_view_has_what_matters_first(visit: Visit, site: Site) -> None:
    """What is broken stands above, and why; nothing of that needs scrolling at 1280 pixels."""
    page = visit.open(site.index)
    rows = page.locator("#matrix tbody tr[data-reference]")
    verdicts = rows.evaluate_all("rows => rows.map(row => row.dataset.verdict)")
    count = sum(map(VERDICTS["rejected"], site.results))
    assert verdicts[:count] == ["rejected"] * min(count, len(verdicts))
    new = page.locator("#matrix .new")
    assert rows.first.locator(".new").count() == 1
    assert new.first.get_attribute("title") == "newly broken"
    for row in rows.all()[:count]:
        assert row.locator("td.why").inner_text().strip()
        assert row.locator("td.group .failed").count() == 1
        assert row.locator(".runs i.rejected").count() == 3
    for name in ("verdict", "why", "runs", "profile", "system", "checked"):
        head = page.get_by_role("columnheader", name=name, exact=True)
        expect(head).to_be_in_viewport(ratio=1)
    page.locator("#scroller").evaluate("s => { s.scrollLeft = s.scrollWidth; }")
    expect(rows.first.locator("td.verdict .mark")).to_be_in_viewport(ratio=1)
    expect(page.locator(".sweep")).to_contain_text("images.txt")


def test_a_folder_of_which_a_letter_fits_beside_the_name_is_left_out(
    visit: Visit, site: Site
) -> None:
    shown = (
        visit.open(site.index)
        .locator("#matrix th.reference a")
        .first.evaluate("""link => {
        const [head, tail] = link.children;
        head.textContent = "certify-sample/";
        return ["a:1", "webdevops-base-app:latest"].map(name => {
            tail.textContent = name;
            return head.getBoundingClientRect().bottom > link.getBoundingClientRect().top + 1;
        });
    }""")
    )
    assert shown == [True, False]


def test_tiles_count_and_filter(visit: Visit, site: Site) -> None:
    page = visit.open(site.index)
    for words, wanted in VERDICTS.items():
        count = sum(map(wanted, site.results))
        tile = page.locator("#tiles button", has_text=words)
        expect(tile.locator("b")).to_have_text(str(count))
        tile.click()
        expect(page.locator("#count")).to_have_text(f"{count} of {len(site.results)} results")
        tile.click()
        expect(page.locator("#count")).to_have_text(f"{len(site.results)} results")


def test_the_changes_of_the_last_sweep_open_and_lead_to_the_images(
    visit: Visit, site: Site
) -> None:
    page = visit.open(site.index)
    tile = page.locator("#changes-tile")
    expect(tile.locator("b")).to_have_text("9")
    expect(page.locator("#changes li").first).to_be_hidden()
    tile.click()
    expect(tile).to_have_attribute("aria-expanded", "true")
    kinds = page.locator("#changes li b").all_inner_texts()
    assert set(kinds) <= {"newly broken", "newly fixed", "no longer clear", "appeared", "vanished"}
    assert kinds.count("appeared") == 4
    gone = page.locator("#changes li", has_text="vanished")
    expect(gone).to_contain_text("registry.example/gone:1")
    expect(gone.get_by_role("link")).to_have_count(0)
    page.locator("#changes a").first.click()
    expect(page.get_by_label("Verdict")).to_be_visible()


def test_what_images_are_best_for_opens_and_leads_to_them(visit: Visit, site: Site) -> None:
    page = visit.open(site.index)
    best = best_for(site.results, NOON)
    assert best
    page.locator("#best summary").click()
    lines = page.locator("#best li")
    assert lines.count() == len(best)
    for line, each in zip(lines.all(), best, strict=True):
        words = f"{each.use} {each.result.image.reference} {each.measured}"
        assert line.inner_text().startswith(words)
        assert "expired" not in line.inner_text()
        link = str(line.locator("a").get_attribute("href"))
        assert (site.index.parent / unquote(link)).exists()
    page.clock.set_fixed_time(NOON + timedelta(days=400))
    page.reload()
    assert all(
        text.endswith("expired since") for text in page.locator("#best li").all_text_contents()
    )


def test_a_sweep_that_changed_nothing_says_so(visit: Visit, harmful: Site) -> None:
    tile = visit.open(harmful.index).locator("#changes-tile")
    expect(tile).to_have_text(re.compile(r"0\s*changed since last sweep"))
    expect(tile).to_be_disabled()


VERDICTS: dict[str, Callable[[Result], bool]] = {
    "certified native": lambda r: r.verdict.grade is Grade.NATIVE,
    "certified on-launch": lambda r: r.verdict.grade is Grade.ON_LAUNCH,
    "rejected": lambda r: r.verdict.status is Status.REJECTED,
    "inconclusive": lambda r: r.verdict.status is Status.INCONCLUSIVE,
}
FILTERS: dict[str, tuple[str, str, Callable[[Result], bool]]] = {
    "text": ("filter-text", "FEDORA web", lambda r: "/web/fedora" in r.image.reference),
    "text of a reason": (
        "filter-text",
        "not so",
        lambda r: bool(r.verdict.reasons) and "not so" in r.verdict.reasons[0].text,
    ),
    "verdict": ("filter-verdict", "rejected", VERDICTS["rejected"]),
    "grade": ("filter-verdict", "certified on-launch", VERDICTS["certified on-launch"]),
    "profile": ("filter-profile", "plain", lambda r: r.profile == "plain"),
    "system": (
        "filter-os",
        "alpine",
        lambda r: r.image.os is not None and r.image.os.id == "alpine",
    ),
    "trust": ("filter-trust", "sponsored", lambda r: r.image.trust.value == "sponsored"),
}


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_keeps_what_it_says_and_stays_in_the_address(
    visit: Visit, site: Site, name: str
) -> None:
    field, value, wanted = FILTERS[name]
    page = visit.open(site.index)
    control = page.locator(f"#{field}")
    control.fill(value) if field == "filter-text" else control.select_option(value)
    expected = {key(result) for result in site.results if wanted(result)}
    assert expected
    assert read_all(page).keys() == expected
    page.reload()
    expect(control).to_have_value(value)
    assert read_all(page).keys() == expected
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#count")).to_have_text(f"{len(site.results)} results")
    expect(page).not_to_have_url(re.compile("#"))


def test_no_matching_row_has_a_sentence(visit: Visit, site: Site) -> None:
    page = visit.open(site.index, "#q=there+is+no+such+image")
    expect(page.locator("#count")).to_have_text(f"0 of {len(site.results)} results")
    expect(page.locator("#matrix")).to_contain_text("No result matches")


def test_an_address_of_someone_else_is_harmless(visit: Visit, site: Site) -> None:
    page = visit.open(site.index, "#verdict=%3Cb%3E&sort=none&dir=up&os=%00&q=%E0%A4&view=x")
    expect(page.locator("#count")).to_contain_text("results")
    assert visit.complaints == []


SORTS: dict[str, Callable[[Result], object]] = {
    "reference": lambda r: r.image.reference,
    "boot": lambda r: (r.startup.boot_seconds is None, r.startup.boot_seconds),
    "checked": lambda r: -r.finished_at.timestamp() // 1,
}


@pytest.mark.parametrize("column", SORTS)
def test_a_column_sorts_both_ways(visit: Visit, site: Site, column: str) -> None:
    page = visit.open(site.index, "#sort=os")
    head = page.get_by_role("columnheader", name=column, exact=True)
    for direction in ("ascending", "descending"):
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", direction)
        by_name = {result.image.reference: SORTS[column](result) for result in site.results}
        shown = [by_name[reference] for reference in references(page)]
        assert shown == sorted(by_name.values(), reverse=direction == "descending")[: len(shown)]  # type: ignore[type-var]
    page.reload()
    expect(head).to_have_attribute("aria-sort", "descending")


def broken(site: Site) -> Result:
    """The first rejected image."""
    return next(r for r in site.results if r.verdict.status is Status.REJECTED)


def test_a_cell_opens_evidence_remedy_and_a_link(visit: Visit, site: Site) -> None:
    result = broken(site)
    failed = next(check for check in result.checks if mark_of(check) is Mark.FAILED)
    page = visit.open(site.index)
    page.locator("#filter-text").fill(result.image.reference)
    page.locator(f"#matrix td[data-check='{failed.group}'] button").click()
    part = page.locator(f"#detail [data-check='{failed.id}']")
    for text in (failed.message, failed.evidence.splitlines()[0], failed.remedy):
        expect(part).to_contain_text(text)
    page.locator("#detail").get_by_role("link", name=failed.id).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(result.image.reference)
    expect(page.locator("li:target")).to_contain_text(failed.message)
    page.go_back()
    expect(page.locator("#filter-text")).to_have_value(result.image.reference)


def test_everything_works_by_keyboard(visit: Visit, site: Site) -> None:
    result = broken(site)
    failed = next(check for check in result.checks if mark_of(check) is Mark.FAILED)
    page = visit.open(site.index)
    press = page.keyboard.press

    def focused() -> str:
        return str(
            page.evaluate(
                "() => { const e = document.activeElement;"
                " return e.id || e.closest('[data-check]')?.dataset.check || e.tagName; }"
            )
        )

    def tab_to(where: str) -> None:
        for _ in range(60):
            if focused() == where:
                return
            press("Tab")
        raise AssertionError(f"no {where} within 60 tabs; focus is on {focused()}")

    press("Tab")
    assert page.locator(".skip").evaluate("e => e === document.activeElement")
    tab_to("filter-text")
    page.keyboard.type(result.image.reference)
    tab_to("scroller")
    tab_to("A")
    for _ in range(20):
        if focused() == failed.group:
            break
        press("ArrowRight")
    press("Enter")
    expect(page.locator("#detail")).to_be_visible()
    press("Escape")
    expect(page.locator("#detail")).to_be_hidden()
    assert focused() == failed.group
    press("Tab")
    assert page.evaluate("document.activeElement.closest('#matrix') === null"), "one stop only"
    press("Shift+Tab")
    assert focused() == failed.group
    for _ in range(20):
        press("ArrowLeft")
    assert focused() == "A"
    press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(result.image.reference)


def test_arrows_reach_the_last_row(visit: Visit, site: Site) -> None:
    page = visit.open(site.index)
    page.locator("#matrix tbody a").first.focus()
    page.get_by_role("columnheader", name="reference").get_by_role("button").click()
    page.locator("#matrix tbody a").first.focus()
    names = sorted(result.image.reference for result in site.results)
    for keys, name in (
        (["ArrowDown"] * 30, names[30]), (["PageDown"] * 4, names[-1]), (["Home"], names[0]),
        (["End"], names[-1]), (["PageUp"], names[-13]),
    ):  # fmt: skip
        for key in keys:
            page.keyboard.press(key)
        row = page.evaluate("() => document.activeElement.closest('tr').dataset.reference")
        assert row == name
        expect(page.locator("#matrix tbody a:focus")).to_be_in_viewport()


def test_all_rows_are_printed(visit: Visit, site: Site) -> None:
    page = visit.open(site.index)
    page.evaluate(
        """() => addEventListener('beforeprint', () => { window.printed =
            document.querySelectorAll('#matrix tbody [data-reference]').length; })"""
    )
    page.pdf()
    assert page.evaluate("window.printed") >= len(site.results)
    assert 10 < len(references(page)) < len(site.results)
