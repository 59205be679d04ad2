"""``certify report``: the reports of a ledger, without certifying anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from certify.ledger.store import Ledger
from tests.conftest import Certify
from tests.factories import many


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/elsewhere.db"
    with Ledger.open(url) as ledger:
        for result in many(3):
            ledger.record(result)
    return url


def test_it_writes_all_of_it_and_then_only_what_is_missing(
    certify: Certify, tmp_path: Path, url: str
) -> None:
    first = certify("report", "--ledger", url, "--reports", "public")
    assert (first.code, first.out) == (0, "")
    assert first.err == "certify: public is up to date: files of 3 images written\n"
    for file in ("index.html", "compare.html", "matrix.json", "badges/all.svg"):
        assert (tmp_path / "public" / file).is_file()
    page = next((tmp_path / "public/images").glob("*.html"))
    page.unlink()
    again = certify("report", "--ledger", url, "--reports", "public")
    assert again.err.endswith("files of 1 image written\n")
    assert page.is_file()
    assert certify("report", "--ledger", url, "--reports", "public").err.endswith(
        "files of 0 images written\n"
    )


def test_its_layout_is_a_setting_and_stays(certify: Certify, tmp_path: Path, url: str) -> None:
    certify("report", "--ledger", url, "--reports", "public")
    (tmp_path / "certify.toml").write_text('layout = "folders"\n')
    for written in (3, 0):
        again = certify("report", "--ledger", url, "--reports", "public")
        assert f"files of {written} images" in again.err
        assert len([*(tmp_path / "public/images").glob("??/*.html")]) == 3
        assert not [*(tmp_path / "public/images").glob("*.html")]
        (tmp_path / "certify.toml").write_text("")


def test_a_ledger_that_is_not_there_is_not_made(certify: Certify, tmp_path: Path) -> None:
    ended = certify("report", "--ledger", "mistyped.db", "--reports", "public")
    assert (ended.code, "Nothing is recorded yet" in ended.err) == (3, True), ended.err
    assert not list(tmp_path.glob("mistyped*"))
    assert not (tmp_path / "public").exists()


def test_a_folder_that_cannot_be_written_is_told(
    certify: Certify, tmp_path: Path, url: str
) -> None:
    (tmp_path / "public").write_text("a file")
    ended = certify("report", "--ledger", url, "--reports", "public")
    assert ended.code == 2
    assert "public" in ended.err
    assert "Traceback" not in ended.err
