"""``certify run`` without an engine: exit 3, the reason, and a report all the same."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import jsonschema
import pytest

from certify.ledger.store import Ledger
from certify.model.terms import Outcome, Status
from scripts.json_schema import json_schema
from tests.conftest import Certify
from tests.factories import a_certificate

SCHEMA = json_schema("report.v1.json")


def no_engine(tmp_path: Path) -> dict[str, str]:
    return {"DOCKER_HOST": f"unix://{tmp_path}/no-engine.sock"}


def certified_before(name: str, tmp_path: Path) -> None:
    with Ledger.open(str(tmp_path / "reports" / "certify.db")) as ledger:
        ledger.record(a_certificate(image={"reference": name}))


def test_without_an_engine_every_image_gets_its_report(certify: Certify, tmp_path: Path) -> None:
    ended = certify(
        "run", "--profile", "plain", "--profile", "devspace", "--format", "json", "a:1", "b:2",
        **no_engine(tmp_path),
    )  # fmt: skip
    assert ended.code == 3
    jsonschema.validate(ended.json(), SCHEMA)
    assert [(each.image.reference, each.profile) for each in ended.results] == [
        ("a:1", "plain"), ("a:1", "devspace"), ("b:2", "plain"), ("b:2", "devspace"),
    ]  # fmt: skip
    for result in ended.results:
        assert result.verdict.status is Status.INCONCLUSIVE
        assert "does not answer" in result.verdict.reasons[0].text
        assert "systemctl start docker" in result.verdict.reasons[0].remedy
        assert {check.outcome for check in result.checks} == {Outcome.UNKNOWN}
        assert (result.host, result.image.digest) == (None, None)
    assert "Traceback" not in ended.err
    reports = tmp_path / "reports"
    assert len(ET.parse(reports / "junit.xml").getroot()) == 4
    assert json.loads((reports / "matrix.json").read_text())["rows"] == []
    assert not list(reports.rglob("*.tmp"))
    assert certify("matrix").out == "no results\n", "a name that never led to an image is none"


def test_without_an_engine_a_known_image_has_an_inconclusive_run(
    certify: Certify, tmp_path: Path
) -> None:
    certified_before("a:1", tmp_path)
    assert certify("run", "a:1", **no_engine(tmp_path)).code == 3
    assert len(certify("history", "a:1", "--format", "json").json()["results"]) == 2
    assert (tmp_path / "reports/matrix.md").is_file()


@pytest.mark.parametrize("form", ["text", "json", "junit", "markdown", "github"])
def test_standard_output_carries_only_the_report(
    certify: Certify, tmp_path: Path, form: str
) -> None:
    ended = certify("run", "--format", form, "debian:12", **no_engine(tmp_path))
    assert ended.code == 3
    assert "debian:12" in ended.err, "progress goes to standard error"
    assert "\x1b" not in ended.out + ended.err
    if form == "text":
        assert "\nINCONCLUSIVE  debian:12\n" in ended.out
        assert max(map(len, ended.out.splitlines())) <= 80
    elif form == "json":
        jsonschema.validate(ended.json(), SCHEMA)
    elif form == "junit":
        assert ET.fromstring(ended.out).tag == "testsuites"
    elif form == "markdown":
        assert ended.out.startswith("## certify: 1 inconclusive\n")
    else:
        assert ended.out.startswith("::warning title=INCONCLUSIVE debian%3A12 (devspace)::")


def test_an_image_by_its_name_alone_is_run(certify: Certify, tmp_path: Path) -> None:
    assert "\nINCONCLUSIVE  debian:12\n" in certify("debian:12", **no_engine(tmp_path)).out


def test_a_quiet_run_prints_only_its_result(certify: Certify, tmp_path: Path) -> None:
    ended = certify("run", "-q", "debian:12", **no_engine(tmp_path))
    assert "INCONCLUSIVE" in ended.out
    assert ended.err == ""


@pytest.mark.engine
def test_a_name_that_leads_nowhere_is_not_recorded(certify: Certify) -> None:
    assert certify("run", "--pull", "never", "no-such-image").code == 3
    assert "no-such-image" not in certify("matrix").out


def test_an_image_named_twice_is_run_once(certify: Certify, tmp_path: Path) -> None:
    ended = certify("run", "--format", "json", "a:1", "a:1", **no_engine(tmp_path))
    assert len(ended.results) == 1


def test_reports_go_where_they_are_asked_to(certify: Certify, tmp_path: Path) -> None:
    certify("run", "--reports", "else/where", "debian:12", **no_engine(tmp_path))
    assert (tmp_path / "else/where/junit.xml").is_file()
    assert not (tmp_path / "reports").exists()
    assert certify("matrix", "--reports", "else/where").code == 0


@pytest.mark.parametrize("name", ["out?x=1", "a%20#b c", "file:x?uri=true"])
def test_whatever_the_folder_is_called_the_ledger_lies_in_it(
    certify: Certify, tmp_path: Path, name: str
) -> None:
    certify("run", "--reports", name, "debian:12", **no_engine(tmp_path))
    assert (tmp_path / name / "certify.db").is_file()
    assert [each.name for each in tmp_path.iterdir()] == [name]
    assert certify("matrix", "--reports", name).code == 0


def test_the_ledger_goes_where_it_is_asked_to(certify: Certify, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/mine.db"
    certify("run", "--ledger", url, "debian:12", **no_engine(tmp_path))
    assert (tmp_path / "mine.db").is_file()
    assert not (tmp_path / "reports" / "certify.db").exists()
    assert certify("matrix", "--ledger", url).code == 0
    assert certify("matrix").code == 3, "nothing is recorded in the usual place"
