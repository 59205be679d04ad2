"""``certify revoke``: from the ledger and the list to every report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from certify.cli.main import main
from certify.ledger.store import Ledger
from tests.factories import a_certificate, digest

PIN = f"registry.invalid/team/app@{digest(1)}"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with one certificate."""
    monkeypatch.chdir(tmp_path)
    with Ledger.open("reports/certify.db") as ledger:
        ledger.record(a_certificate())


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words), env={"CERTIFY_PASSPHRASE": None})


def test_revoking_needs_a_digest_and_a_reason() -> None:
    ended = run("revoke", "registry.invalid/team/app:1", "--reason", "x")
    assert (ended.exit_code, "has no digest" in ended.stderr) == (2, True)
    assert run("revoke", PIN).exit_code == 2
    ended = run("revoke", PIN, "--reason", " \n")
    assert (ended.exit_code, "--reason is empty" in ended.stderr) == (2, True)
    ended = run("revoke", PIN, "--lift", "--reason", "x")
    assert (ended.exit_code, "is not revoked" in ended.stderr) == (2, True)


def test_revoked_with_a_list_and_without() -> None:
    ended = run("revoke", PIN, "--reason", "a \x1b[1mback door")
    assert ended.exit_code == 0
    assert ended.stdout.splitlines()[0] == f"{PIN}: revoked: a back door"
    assert "No list was published here yet" in ended.stdout
    assert "team/app:1 (linux/amd64, plain): revoked: a back door" in run("publish").stdout
    verified = run("verify", PIN, "--profile", "plain")
    assert (verified.exit_code, "revoked: a back door" in verified.stdout) == (1, True)
    assert run("revoke", PIN, "--lift", "--reason", "false alarm").exit_code == 0
    assert "1 approved" in run("publish").stdout


def test_a_revoked_image_is_certified_in_no_report() -> None:
    assert run("report").exit_code == 0
    name = next(Path("reports/results").glob("*team_app*")).stem
    for words, verdict in (
        (["revoke", PIN, "--reason", "back door"], "rejected"),
        (["revoke", PIN, "--reason", "false alarm", "--lift"], "certified"),
    ):
        assert run(*words).exit_code == 0
        certificate = json.loads(Path(f"reports/results/{name}.json").read_text())["verdict"]
        assert certificate["status"] == verdict
        assert verdict in Path(f"reports/badges/{name}.json").read_text()
        rows = json.loads(run("matrix", "--format", "json").stdout)
        assert verdict in json.dumps(rows)
        page = Path(f"reports/images/{name}.html").read_text()
        assert ("revoked: back door" in page) == (verdict == "rejected")


def test_reports_that_cannot_be_written_prevent_no_revocation() -> None:
    assert run("report").exit_code == run("publish").exit_code == 0
    shutil.rmtree("reports/badges")
    Path("reports/badges").write_text("in the way")
    ended = run("revoke", PIN, "--reason", "back door")
    assert (ended.exit_code, "certify: reports/badges" in ended.stderr) == (3, True), ended.stderr
    assert ended.stdout.startswith(f"{PIN}: revoked: back door\n")
    assert run("verify", PIN, "--profile", "plain").exit_code == 1
