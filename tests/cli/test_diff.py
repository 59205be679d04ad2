"""``certify diff``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from certify.cli.main import main
from certify.ledger.changes import sweep_entry
from certify.ledger.store import Ledger
from certify.model.terms import Status
from tests.factories import a_certificate


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def sweep(listing: str, *statuses: Status) -> None:
    with Ledger.open("reports/certify.db") as ledger:
        for status in statuses:
            number = ledger.sweeps.begin(listing, "host/1/1", lambda _: True)
            ledger.sweeps.finish(number, [sweep_entry(a_certificate(status=status))])


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["diff", *words])


def test_the_last_two_sweeps_of_a_list_are_compared() -> None:
    sweep("a.txt", Status.CERTIFIED, Status.REJECTED)
    sweep("b.txt", Status.REJECTED, Status.CERTIFIED)
    assert "broken" in run("--list", "a.txt").stdout
    (change,) = json.loads(run("--format", "json").stdout)["changes"]
    assert (change["kind"], change["before"], change["after"]) == (
        "newly mended", "rejected", "certified",
    )  # fmt: skip
    assert change["reference"] == "registry.invalid/team/app:1"


@pytest.mark.parametrize(
    ("sweeps", "message"), [(0, "No sweep is recorded."), (1, "a.txt was swept only once")]
)
def test_without_two_sweeps_there_is_nothing_to_compare(sweeps: int, message: str) -> None:
    sweep("a.txt", *[Status.CERTIFIED] * sweeps)
    Ledger.open("reports/certify.db").close()
    ended = run()
    assert (ended.exit_code, ended.stdout, message in ended.stderr) == (2, "", True)
