"""The recorder: results are recorded unchanged and reported in full, even if the ledger fails."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from certify.cli.exit_codes import exit_code
from certify.ledger.matrix_rows import MatrixRow
from certify.ledger.store import Ledger
from certify.model.file_names import certificate_stem
from certify.model.result import Os, Result
from certify.model.terms import Outcome, Status
from certify.publish import recorder as module
from certify.publish.recorder import Recorder
from certify.publish.writer import update_reports
from tests.factories import NOW, a_certificate, a_check, digest
from tests.support.failing_ledgers import Damage, broken, full

OWN = a_certificate().image.reference


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{tmp_path}/certify.db") as found:
        yield found


@pytest.fixture
def recorder(ledger: Ledger, tmp_path: Path) -> Recorder:
    return Recorder(ledger, tmp_path / "reports")


def certificate(number: int, status: Status = Status.CERTIFIED, age: float = 0) -> Result:
    """The result of one of many Debian images, some days old."""
    own = {
        "reference": f"registry.invalid/team/app:{number}", "digest": digest(number),
        "manifest_digest": digest(number), "os": Os(id="debian"),
    }  # fmt: skip
    moment = NOW - timedelta(days=age)
    return a_certificate(
        image=own, status=status, finished_at=moment, expires_at=moment + timedelta(days=30)
    )


def test_a_revoked_image_is_recorded_unchanged_and_reported_as_rejected(
    recorder: Recorder, ledger: Ledger, tmp_path: Path
) -> None:
    result = a_certificate(checks=(a_check("x.y", Outcome.PASSED),))
    ledger.revocations.add(digest(1), OWN, "back door")
    recorder.record(result)
    (found,) = recorder.finish([result])
    assert found.verdict.reasons[0].text == "revoked: back door"
    assert exit_code([found.verdict.status]) == 1
    assert ET.parse(tmp_path / "reports/junit.xml").getroot().findall(".//failure")
    certificate = tmp_path / f"reports/results/{certificate_stem(result)}.json"
    assert Result.model_validate_json(certificate.read_text()).verdict == found.verdict
    assert ledger.history(OWN) == [result], "recorded unchanged"
    assert not (tmp_path / "reports/unrecorded").exists()
    assert recorder.errors == []


def test_a_rejected_image_gets_recommendations_of_images_certified_now(
    recorder: Recorder, ledger: Ledger
) -> None:
    mine = certificate(1, Status.REJECTED, age=29)
    known = [
        certificate(2),
        certificate(3, age=30),
        certificate(4),
        certificate(5, Status.REJECTED),
    ]
    for result in (*known, mine):
        ledger.record(result)
    ledger.revocations.add(digest(4), "app:4", "back door")
    (found,) = recorder.recommend([mine])
    assert found.recommendation is not None
    assert [each.digest for each in found.recommendation.closest] == [digest(2)]
    # An image that was revoked needs another one as well.
    (found,) = recorder.recommend(recorder.reject_revoked([certificate(4)]))
    assert found.recommendation is not None


def test_results_at_hand_are_not_read_again(recorder: Recorder, ledger: Ledger) -> None:
    results = [certificate(1, Status.REJECTED), certificate(2)]
    for result in results:
        ledger.record(result)
    queries: list[str] = []
    event.listen(
        ledger._database.engine, "before_cursor_execute", lambda *call: queries.append(call[2])
    )
    found = recorder.recommend(results)
    assert found[0].recommendation is not None
    assert [each.digest for each in found[0].recommendation.closest] == [digest(2)]
    assert not [query for query in queries if "document" in query]


def test_nothing_is_read_if_no_image_needs_a_recommendation(
    recorder: Recorder, ledger: Ledger
) -> None:
    ledger.record(certificate(2))
    queries: list[str] = []
    event.listen(
        ledger._database.engine, "before_cursor_execute", lambda *call: queries.append(call[2])
    )
    for result in (certificate(1), certificate(1, Status.INCONCLUSIVE)):
        assert recorder.recommend(recorder.reject_revoked([result])) == [result]
    assert not [query for query in queries if "certify_results" in query]
    rejected = certificate(1, Status.REJECTED).model_copy(update={"profile": "devspace"})
    assert recorder.recommend([rejected]) == [rejected]
    assert not [query for query in queries if "document" in query], "of other profiles either"


def test_a_run_beside_many_images_pays_for_its_own(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MANY", 8)
    monkeypatch.setattr(module, "CANDIDATES", 3)
    reports = tmp_path / "reports"
    for number in range(2, 10):
        ledger.record(certificate(number))
    whole = Recorder(ledger, reports)
    whole.finish([certificate(9)])
    assert not whole.leaves_tables
    before = (reports / "matrix.json").read_text()
    documents: list[MatrixRow] = []
    read = Ledger.recorded_results

    def count(self: Ledger, rows: Sequence[MatrixRow]) -> Iterator[tuple[MatrixRow, Result]]:
        documents.extend(rows)
        return read(self, rows)

    monkeypatch.setattr(Ledger, "recorded_results", count)
    mine = certificate(1, Status.REJECTED)
    recorder = Recorder(ledger, reports, own=True)
    recorder.record(mine)
    (found,) = recorder.finish([mine])
    assert recorder.leaves_tables
    assert found.recommendation is not None
    closest = {each.digest for each in found.recommendation.closest}
    assert closest == {digest(number) for number in (7, 8, 9)}, "the newest ones"
    assert len(documents) == 1, "nobody else's result is read"
    assert (reports / f"results/{certificate_stem(mine)}.json").is_file()
    assert (reports / "matrix.json").read_text() == before
    assert update_reports(reports, ledger) == 1, "the next update brings the rest"
    assert OWN in (reports / "matrix.json").read_text()


@pytest.mark.parametrize("damage", [full, broken])
def test_a_ledger_that_fails_costs_no_result(
    recorder: Recorder, ledger: Ledger, tmp_path: Path, damage: Damage
) -> None:
    damage(ledger, tmp_path)
    rejected = certificate(1, Status.REJECTED)
    for number in range(20):  # until no page has room for one more
        recorder.record(certificate(number))
    recorder.settle()
    found = recorder.recommend(recorder.reject_revoked([rejected]))
    assert [each.verdict for each in found] == [rejected.verdict]
    recorder.write_reports(found)
    assert "full" in recorder.errors[0] or "not a database" in recorder.errors[0]
    assert len(recorder.errors) == len(set(recorder.errors))
    assert (tmp_path / "reports/junit.xml").is_file()


def test_reports_that_cannot_be_written_are_an_error(recorder: Recorder, tmp_path: Path) -> None:
    (tmp_path / "reports/junit.xml/in the way").mkdir(parents=True)
    recorder.write_reports([a_certificate()])
    (error,) = recorder.errors
    assert error.startswith("the reports cannot be written: ")
