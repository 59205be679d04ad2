"""``certify forget``: nothing of an image is left, and no older verdict comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from certify.ledger.store import Ledger
from certify.model.terms import Status
from certify.publish.writer import update_reports
from tests.cli.test_prune import run
from tests.factories import a_certificate, digest


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with results of two images and their reports."""
    monkeypatch.chdir(tmp_path)
    with Ledger.open("reports/certify.db") as ledger:
        ledger.record(a_certificate())
        other = {"reference": "other:1", "digest": digest(7), "manifest_digest": digest(7)}
        ledger.record(a_certificate(image=other, status=Status.REJECTED))
        update_reports(tmp_path / "reports", ledger)
    return tmp_path


def files(folder: Path) -> int:
    return len(list((folder / "reports" / "results").iterdir()))


def test_a_forgotten_image_leaves_no_file(folder: Path) -> None:
    assert files(folder) == 2
    assert run("forget", "other:1", "-n").stdout == "1 result would be removed\n"
    assert run("forget", "other:1").stdout == "1 result removed\n"
    assert files(folder) == 1
    assert "other:1" not in run("matrix", "--format", "csv").stdout
    again = run("forget", "other:1")
    assert (again.exit_code, again.stdout) == (2, "")
    assert "No result is recorded for other:1." in again.stderr


def test_a_name_on_which_another_depends_is_not_forgotten(folder: Path) -> None:
    with Ledger.open("reports/certify.db") as ledger:
        ledger.record(a_certificate(image={"reference": "same:1"}))
        ledger.record(a_certificate(image={"reference": "also:1"}, status=Status.REJECTED))
    ended = run("forget", "also:1")
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert "certify forget also:1 " in ended.stderr
