"""The site of a real sweep: every cell says what the ledger says, and every file is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from certify.ledger.store import Ledger
from certify.model.terms import Status
from tests.conftest import SAMPLES, Certify
from tests.stories.browser.conftest import Site, Visit
from tests.stories.browser.test_site_matrix import assert_all_cells_are_true, key, read_all

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]
LIST = (
    f"{SAMPLES}/debian:latest",
    f"{SAMPLES}/busybox:latest",
    "127.0.0.1:1/nobody/answers:1",
    f"{SAMPLES}/scratch:latest",
)


def test_the_site_of_a_real_sweep(certify: Certify, tmp_path: Path, visit: Visit) -> None:
    listing = tmp_path / "list.txt"
    for images, code in ((LIST[:-1], 1), (LIST, 1)):
        listing.write_text("\n".join(images), "utf-8")
        ended = certify("sweep", str(listing), "--profile", "plain", "--pull", "never")
        assert ended.code == code, ended.err
    with Ledger.open(f"sqlite:///{tmp_path}/reports/certify.db") as ledger:
        site = Site(tmp_path / "reports", tuple(ledger.matrix_results()))
    assert {result.verdict.status for result in site.results} == {
        Status.CERTIFIED, Status.REJECTED,
    }  # fmt: skip

    page = visit.open(site.index)
    expect(page.get_by_label("Not found")).to_contain_text(LIST[2])
    assert_all_cells_are_true(page, site)
    page.locator("#changes-tile").click()
    expect(page.locator("#changes li")).to_have_text([f"appeared {LIST[-1]} plain"])
    page.get_by_label("every check").check()
    assert read_all(page).keys() == {key(result) for result in site.results}
    for result in site.results:
        page = visit.open(site.page_of(result))
        expect(page.get_by_role("heading", level=1)).to_have_text(result.image.reference)
        expect(page.locator(".checks li")).to_have_count(len(result.checks))
        assert page.locator("img").evaluate("badge => badge.naturalWidth") > 60
        for reason in result.verdict.reasons:
            expect(page.get_by_label("Verdict")).to_contain_text(reason.remedy.split("\n")[0])
