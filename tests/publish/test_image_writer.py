"""The files of single images: all of them, and no older ones beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from certify.ledger.store import Ledger
from certify.model.file_names import LAYOUTS, Layout, certificate_stem
from certify.model.result import Result
from certify.model.terms import Status
from certify.publish.boot_rank import BootRanks
from certify.publish.image_writer import ImageWriter
from tests.factories import NOON, a_result, digest, many

NAME = "docker.io/library/debian:12"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(str(tmp_path / "certify.db")) as opened:
        for result in many(3):
            opened.record(result)
        yield opened


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_image_has_a_certificate_a_badge_and_a_page(
    ledger: Ledger, tmp_path: Path, layout: Layout
) -> None:
    folder, rows = tmp_path / "reports", ledger.matrix_rows()
    ImageWriter(folder, NOON, layout=layout).write(ledger, rows)
    written = files(folder)
    for _, result in ledger.results(rows):
        stem = certificate_stem(result, layout)
        assert {f"results/{stem}.json", f"images/{stem}.html", f"badges/{stem}.svg"} <= written
        certificate = json.loads((folder / f"results/{stem}.json").read_text("utf-8"))
        assert certificate["image"]["reference"] == result.image.reference
        assert certificate["boot_rank"] is None, "others decide about it"


def test_another_layout_leaves_no_file_of_the_one_before(ledger: Ledger, tmp_path: Path) -> None:
    rows = ledger.matrix_rows()
    for layout in (*LAYOUTS, LAYOUTS[0]):
        ImageWriter(tmp_path / "both", NOON, layout=layout).write(ledger, rows)
        ImageWriter(tmp_path / layout, NOON, layout=layout).write(ledger, rows)
        assert files(tmp_path / "both") == files(tmp_path / layout)


def test_a_rejected_image_is_compared_with_its_last_certificate(tmp_path: Path) -> None:
    def result(number: int, status: Status) -> Result:
        return a_result(status=status, image={"reference": NAME, "digest": digest(number)})

    with Ledger.open(str(tmp_path / "one.db")) as ledger:
        ledger.record(result(1, Status.CERTIFIED))
        ledger.record(result(2, Status.REJECTED))
        ImageWriter(tmp_path / "r", NOON, BootRanks([])).write(ledger, ledger.matrix_rows())
    (page,) = (tmp_path / "r" / "images").glob("*.html")
    assert digest(1)[7:19] in page.read_text("utf-8")
