"""The rows of the matrix page, and the details of a cell."""

from __future__ import annotations

from certify.model.result import Result
from certify.model.terms import Level, Outcome
from certify.publish.phrases import LEGEND
from certify.publish.site.rows import FIELDS, LETTERS, bases_of, details_of, row_of
from tests.factories import a_check, a_result, a_waiver


def test_a_row_has_a_value_for_each_field(one_of_each: list[Result]) -> None:
    for result in one_of_each:
        row = dict(zip(FIELDS, row_of(result, "stem", ()), strict=True))
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
    ids = (*(check.id for check in checks), "a.missing")
    row = dict(zip(FIELDS, row_of(a_result(checks=checks), "stem", ids), strict=True))
    assert row["checks"] == "pfUSns."
    assert row["more"] == 1


def test_a_check_that_passed_has_no_details() -> None:
    failed = a_check("a.b", Outcome.FAILED, message="no shell", remedy="Install one.")
    details = details_of(a_result(checks=(a_check("a.a", Outcome.PASSED), failed)))
    assert details.keys() == {"a.b"}
    assert (details["a.b"]["message"], details["a.b"]["remedy"]) == ("no shell", "Install one.")


def test_a_row_has_its_cause_and_its_last_verdicts(rejected: Result) -> None:
    row = dict(zip(FIELDS, row_of(rejected, "stem", (), "cir"), strict=True))
    assert row["runs"] == "cir"
    first = rejected.verdict.reasons[0]
    assert row["reason"] == f"{first.check}: {first.text}"


def test_an_image_is_built_on_the_one_that_has_most_of_its_lowest_layers() -> None:
    stacks = {
        "one": "a", "two": "ab", "three": "abc", "same": "abc", "other": "b", "none": "",
        "elsewhere": "abcd",
    }  # fmt: skip
    found = {}
    for name, layers in stacks.items():
        platform = "linux/arm64" if name == "elsewhere" else "linux/amd64"
        image = {"platform": platform, "layer_digests": tuple(layers)}
        found[name] = a_result(image=image)
    assert bases_of([*found], [*found.values()]) == {"two": "one", "three": "two", "same": "two"}
