"""A newly broken image comes with what changed inside it: in diff, in the news, on its page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from certify.cli.main import main
from certify.ledger.changes import sweep_entry
from certify.ledger.store import Ledger
from certify.model.inventory import pack
from certify.model.result import Reason
from certify.model.result import Result as Certified
from certify.model.terms import Outcome, Status
from certify.publish.writer import update_reports
from certify.sweep.inside import explained
from certify.sweep.news import message, news_of
from tests.factories import a_certificate, a_check, digest

NAME = "registry.invalid/team/app:1"


def result(number: int, status: Status, **packages: str) -> Certified:
    failed = status is Status.REJECTED
    made = a_certificate(
        image={"digest": digest(number), "manifest_digest": digest(number)},
        status=status,
        profile="devspace",
        inventory=pack({"package": packages, "user": {"<b>eve</b>\x1b[2J": str(number)}}),
        checks=(a_check("dockerd.container", Outcome.FAILED),) if failed else (),
    )
    reasons = (Reason(check="dockerd.container", text="no", remedy="mend"),) if failed else ()
    verdict = made.verdict.model_copy(update={"reasons": reasons})
    return made.model_copy(update={"verdict": verdict})


@pytest.fixture(autouse=True)
def swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Certified]:
    """Two sweeps of a list, between which its image moved and broke."""
    monkeypatch.chdir(tmp_path)
    results = [
        result(1, Status.CERTIFIED, git="1", runc="1.1"),
        result(2, Status.REJECTED, git="2", runc="1.2"),
    ]
    with Ledger.open("reports/certify.db") as ledger:
        for each in results:
            number = ledger.sweeps.begin("a.txt", "host/1/1", lambda _: True)
            ledger.record(each)
            ledger.sweeps.finish(number, [sweep_entry(each)])
    return results


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["diff", *words])


def test_the_changes_of_a_sweep_name_the_likely_culprit_first(swept: list[Certified]) -> None:
    inside = "package runc 1.1 → 1.2, package git 1 → 2"
    (change,) = json.loads(run("--format", "json").stdout)["changes"]
    assert change["inside"].startswith(inside)
    words = " ".join(run().stdout.split())
    assert f"changed inside: {inside}" in words
    from certify.ledger.changes import find_changes

    with Ledger.open("reports/certify.db") as ledger:
        changes = explained(ledger, find_changes(*([sweep_entry(each)] for each in swept)))
    text = message(news_of(changes, swept[1:], ()), "a.txt", None)
    assert f"  changed inside: {inside}" in text
    assert "\x1b" not in text


def test_one_image_is_compared_with_its_last_certificate() -> None:
    (found,) = json.loads(run(NAME, "--format", "json").stdout)["comparisons"]
    assert (found["before"]["digest"], found["after"]["digest"]) == (digest(1), digest(2))
    assert found["after"]["failed"] == ["dockerd.container"]
    first = {"kind": "package", "name": "runc", "before": "1.1", "after": "1.2"}
    assert (found["moved"], found["inside"][0]) == (True, first)
    text = run(NAME).stdout
    assert text.index("likely culprits first") < text.index("runc 1.1 → 1.2") < text.index("git 1")
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["debian:12"], "Nothing of debian:12 can be compared"),
        ([NAME, "--profile", "plain"], "can be compared"),
        ([NAME, "--list", "a.txt"], "--list is for sweeps"),
    ],
)
def test_what_cannot_be_compared_is_told(words: list[str], said: str) -> None:
    ended = run(*words)
    assert (ended.exit_code, said in ended.stderr) == (2, True)


def test_the_page_of_the_image_shows_it_and_no_report_has_the_inventory(tmp_path: Path) -> None:
    with Ledger.open("reports/certify.db") as ledger:
        update_reports(tmp_path / "reports", ledger)
        kept = ledger.history(NAME)[0].inventory
    (page,) = (tmp_path / "reports" / "images").glob("*.html")
    html = page.read_text()
    assert html.index("Changed inside") < html.index("package runc 1.1 → 1.2")
    assert "<b>eve" not in html
    (certificate,) = (tmp_path / "reports" / "results").glob("*.json")
    assert kept
    assert json.loads(certificate.read_text())["inventory"] is None
