"""The matrix as CSV: every cell where it belongs, and none that is a formula."""

from __future__ import annotations

import csv
import io

from hypothesis import given, settings
from hypothesis import strategies as st

from certify.model.result import Result
from certify.publish.matrix_csv import matrix_csv
from tests.factories import NOON

STEADY = settings(derandomize=True, deadline=None)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_every_outcome_is_in_the_column_of_its_check(one_of_each: list[Result]) -> None:
    for row, result in zip(rows(matrix_csv(one_of_each, NOON)), one_of_each, strict=True):
        assert row["reference"] == result.image.reference
        assert row["verdict"] == result.verdict.status
        told = {check.id: "waived" if check.waiver else check.outcome for check in result.checks}
        assert {name: row[name] for name in told} == told


def test_an_expired_certificate_is_shown_as_expired(one_of_each: list[Result]) -> None:
    found = rows(matrix_csv(one_of_each, max(result.expires_at for result in one_of_each)))
    said = [(row["verdict"], row["grade"]) for row in found]
    assert said[:2] == [("expired", "")] * 2
    assert [verdict for verdict, _ in said[2:]] == [each.verdict.status for each in one_of_each[2:]]


def test_no_results_are_only_a_header() -> None:
    assert matrix_csv([], NOON).startswith("reference,digest,platform,")
    assert rows(matrix_csv([], NOON)) == []


@STEADY
@given(words=st.text(st.characters(exclude_categories=())) | st.sampled_from(["=1+1", "@x", "+a"]))
def test_no_cell_is_a_formula(one_of_each: list[Result], words: str) -> None:
    image = one_of_each[0].image.model_copy(update={"reference": words})
    hostile = one_of_each[0].model_copy(update={"image": image, "profile": words})
    (row,) = rows(matrix_csv([hostile], NOON))
    for cell in row.values():
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
