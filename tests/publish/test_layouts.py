"""Both layouts of the reports: flat, and in folders of bounded size."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from certify.ledger.changes import sweep_entry
from certify.ledger.store import Ledger
from certify.model.errors import LedgerUnavailable
from certify.model.file_names import LAYOUTS, Layout, certificate_stem
from certify.publish import recorder as recorder_module
from certify.publish.freshness import layout_of
from certify.publish.recorder import Recorder
from certify.publish.writer import update_reports, write_reports
from tests.factories import NOON, many, result_of
from tests.publish.test_writer import names

IN_FOLDER = re.compile("(?:results|badges|images)/[0-9a-f]{2}/[^/]+")
RESULTS = [*many(9, runs=2)]
ABOUT_IMAGES = ("results/", "badges/", "images/")


@pytest.fixture
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with Ledger.open(str(tmp_path_factory.mktemp("ledger") / "certify.db")) as opened:
        for result in RESULTS:
            opened.record(result)
        entries = [*{each.key: each for each in map(sweep_entry, RESULTS)}.values()]
        for found in (entries[4:], entries):
            number = opened.sweeps.begin("images.txt", "nobody", lambda _: True)
            opened.sweeps.finish(number, found)
        yield opened


class Links(HTMLParser):
    """The files that a page leads to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        links = (value for name, value in attrs if name in ("href", "src") and value)
        self.found += [each for each in links if not re.match("#|[a-z]+:", each)]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_link_leads_to_a_file(tmp_path: Path, ledger: Ledger, layout: Layout) -> None:
    update_reports(tmp_path, ledger, now=NOON, layout=layout)
    pages = [*tmp_path.rglob("*.html")]
    assert len(pages) == 3 + 9
    linked = {(page, link) for page in pages for link in Links(page).found}
    for page, link in linked:
        target = page.parent / unquote(re.split("[#?]", link)[0])
        assert target.is_file(), (page, link)
    leads = {link.partition("/")[0] for page, link in linked if page.name == "index.html"}
    assert "images" in leads, "changes lead to pages"
    rows = (tmp_path / "assets/rows.js").read_text().removeprefix("window.CERTIFY = ")
    found = json.loads(rows.rstrip(";\n"))
    stems = {row[found["fields"].index("stem")] for row in found["rows"]}
    assert stems == {certificate_stem(each, layout) for each in RESULTS}
    assert {best[2] for best in found["best"]} <= stems
    for stem in stems:
        text = (tmp_path / f"images/{stem}.html").read_text()
        assert f"![certify](badges/{stem}.svg)" in text
        assert (tmp_path / f"badges/{stem}.svg").is_file()
    scripts = {
        str(each.relative_to(tmp_path / "images")) for each in tmp_path.rglob("images/**/*.js")
    }
    more = {row[0] for row in found["rows"] if row[found["fields"].index("more")]}
    assert scripts == {f"{stem}.js" for stem in more}


def test_another_layout_moves_all_files_and_leaves_none(tmp_path: Path, ledger: Ledger) -> None:
    update_reports(tmp_path / "flat", ledger, now=NOON)
    update_reports(tmp_path / "moved", ledger, now=NOON)
    flat = names(tmp_path / "flat")
    assert names(tmp_path / "moved") == flat
    assert update_reports(tmp_path / "moved", ledger, now=NOON, layout="folders") == 9
    moved = names(tmp_path / "moved")
    own = {each for each in moved if each.startswith(ABOUT_IMAGES) and "/all." not in each}
    assert all(IN_FOLDER.fullmatch(each) for each in own)
    assert {f"{each.split('/')[0]}/{each.split('/')[2]}" for each in own} | (moved - own) == flat
    assert layout_of(tmp_path / "moved") == "folders"
    assert update_reports(tmp_path / "moved", ledger, now=NOON) == 0, "it stays"
    assert update_reports(tmp_path / "moved", ledger, now=NOON, layout="flat") == 9
    assert names(tmp_path / "moved") == flat
    for name in flat - {"index.html"}:
        assert (tmp_path / "moved" / name).read_bytes() == (tmp_path / "flat" / name).read_bytes()
    folders = [each.name for each in (tmp_path / "moved/images").iterdir() if each.is_dir()]
    assert folders == []


def test_files_of_the_other_layout_go_also_without_fingerprints(
    tmp_path: Path, ledger: Ledger
) -> None:
    update_reports(tmp_path, ledger, now=NOON)
    (tmp_path / "assets/pages.txt").unlink()
    update_reports(tmp_path, ledger, now=NOON, layout="folders")
    update_reports(tmp_path / "new", ledger, now=NOON, layout="folders")
    assert {each for each in names(tmp_path) if not each.startswith("new/")} == names(
        tmp_path / "new"
    )


def test_a_run_keeps_the_layout(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "MANY", 2)
    mine = result_of(3, NOON + timedelta(days=3))
    for layout in LAYOUTS:
        update_reports(tmp_path / layout, ledger, layout=layout)
        before = names(tmp_path / layout)
        assert Recorder(ledger, tmp_path / layout).layout == layout
        with Recorder(ledger, tmp_path / layout, own=True, layout="flat") as recorder:
            recorder.record(mine)
            recorder.finish([mine])
            assert recorder.leaves_tables
        assert names(tmp_path / layout) == before | {"junit.xml"}
        text = (tmp_path / layout / f"results/{certificate_stem(mine, layout)}.json").read_text()
        assert json.loads(text)["finished_at"] == "2026-03-04T12:00:39.000Z"


def test_a_ledger_that_cannot_be_read_leaves_certificates_where_they_belong(
    tmp_path: Path,
) -> None:
    file = tmp_path / "certify.db"
    with Ledger.open(f"sqlite:///{file}") as broken:
        file.write_bytes(b"this is no database any more" * 1000)
        with pytest.raises(LedgerUnavailable):
            write_reports(tmp_path / "reports", RESULTS[:1], broken, layout="folders")
    stem = certificate_stem(RESULTS[0], "folders")
    assert (tmp_path / f"reports/results/{stem}.json").is_file()
