"""``certify prune``: what goes, and what stays."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from certify.cli.main import main
from certify.ledger.store import Ledger
from certify.model.terms import Status
from tests.factories import NOW, a_certificate, digest

OLD = timedelta(days=100)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with three results of one image, and one of another."""
    monkeypatch.chdir(tmp_path)
    with Ledger.open("reports/certify.db") as ledger:
        for age in (2 * OLD, OLD, timedelta(0)):
            ledger.record(a_certificate(finished_at=NOW - age))
        other = {"reference": "other:1", "digest": digest(7), "manifest_digest": digest(7)}
        ledger.record(a_certificate(image=other, status=Status.REJECTED))


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def test_prune_says_what_goes() -> None:
    assert run("prune", "--keep", "1", "--dry-run").stdout == "2 results would be removed, 2 left\n"
    assert run("prune", "--keep", "1", "--older-than", "150").stdout == "1 result removed, 3 left\n"
    assert run("prune", "--keep", "1", "--format", "json").stdout == (
        '{\n  "schema": "certify/prune/v1",\n  "removed": 1,\n  "left": 2,\n  "dry_run": false\n}\n'
    )
    assert "registry.invalid/team/app:1" in run("matrix", "--format", "csv").stdout


def test_prune_needs_to_know_what() -> None:
    ended = run("prune")
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert "Name --keep N, --older-than DAYS, or both." in ended.stderr
