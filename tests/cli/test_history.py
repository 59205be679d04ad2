"""``certify history``."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from certify.cli.main import main
from certify.ledger.store import Ledger
from certify.model.result import Report
from certify.model.terms import Status
from tests.factories import NOW, a_certificate

IMAGE = "registry.invalid/team/app:1"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with two results of one image."""
    monkeypatch.chdir(tmp_path)
    with Ledger.open("reports/certify.db") as ledger:
        ledger.record(a_certificate())
        ledger.record(a_certificate(status=Status.REJECTED, finished_at=NOW + timedelta(seconds=1)))


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["history", *words])


def test_every_result_is_shown() -> None:
    ended = run(IMAGE)
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert "CERTIFIED" in ended.stdout
    assert "REJECTED" in ended.stdout


def test_json_is_a_report_of_every_result() -> None:
    found = Report.model_validate_json(run(IMAGE, "--format", "json").stdout).results
    assert {each.verdict.status for each in found} == {Status.CERTIFIED, Status.REJECTED}


def test_an_unknown_image_is_wrong_usage() -> None:
    ended = run("registry.invalid/team/other:1")
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert "No result is recorded for registry.invalid/team/other:1." in ended.stderr
    assert run("registry.invalid/team/other:1", "--format", "json").exit_code == 0
