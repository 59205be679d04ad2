"""The rows of the matrix page, and the details of a cell."""

from __future__ import annotations

from certify.model.result import Result
from certify.model.terms import Level, Outcome
from certify.publish.phrases import LEGEND
from certify.publish.site.rows import FIELDS, LETTERS, details_of, row_of
from tests.factories import a_check, a_result, a_waiver


def test_a_row_has_a_value_for_each_field(one_of_each: list[Result]) -> None:
    for result in one_of_each:
        row = dict(zip(FIELDS, row_of(result, "stem", []), strict=True))
        assert row["reference"] == result.image.reference
        assert row["status"] == result.verdict.status.value
        assert row["checks"] == ""


def test_every_mark_has_a_letter_of_its_own() -> None:
    assert LETTERS.keys() == LEGEND.keys()
    assert len(set(LETTERS.values())) == len(LETTERS)


def test_a_capital_letter_marks_an_unanswered_check_that_decides() -> None:
    checks = (
        a_check("a.passed", Outcome.PASSED),
        a_check("a.failed", Outcome.FAILED),
        a_check("a.unknown", Outcome.UNKNOWN),
        a_check("a.skipped", Outcome.SKIPPED),
        a_check("a.noted", Outcome.FAILED, Level.RECOMMENDED),
        a_check("a.waived", Outcome.SKIPPED, waiver=a_waiver()),
    )
    ids = [*(check.id for check in checks), "a.missing"]
    row = dict(zip(FIELDS, row_of(a_result(checks=checks), "stem", ids), strict=True))
    assert row["checks"] == "pfUSns."
    assert row["more"] == 1


def test_a_check_that_passed_has_no_details() -> None:
    failed = a_check("a.b", Outcome.FAILED, message="no shell", remedy="Install one.")
    details = details_of(a_result(checks=(a_check("a.a", Outcome.PASSED), failed)))
    assert details.keys() == {"a.b"}
    assert (details["a.b"]["message"], details["a.b"]["remedy"]) == ("no shell", "Install one.")
