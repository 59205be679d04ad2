"""Results as rows: what columns hold, and what no ledger takes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.ledger.rows import batched, refuse_future, row_of
from certify.ledger.schema import results_table
from certify.model.errors import NotRecordable
from certify.model.result import Result
from certify.model.terms import Status
from tests.factories import NOON, a_result, digest, many


def test_a_row_has_every_column_but_those_of_the_recording() -> None:
    columns = {each.name for each in results_table.columns}
    for result in many(4):
        row = row_of(result)
        assert columns - set(row) == {"id", "recording"}
        read = Result.model_validate_json(row["document"])
        assert read.model_dump(mode="json") == result.model_dump(mode="json")


def test_an_image_that_was_not_found_is_known_by_its_name() -> None:
    named = a_result(image={"digest": digest(1)}), a_result(status=Status.INCONCLUSIVE)
    identities = [row_of(each)["identity"] for each in named]
    assert identities == [digest(1), "docker.io/library/debian:12"]


def test_a_result_of_the_future_is_refused_and_says_whose_clock_counts() -> None:
    refuse_future(a_result(moment=NOON), NOON, "certify.db")
    with pytest.raises(NotRecordable, match=r"lies in the future: by the clock of .* x\.db") as bad:
        refuse_future(a_result(moment=NOON + timedelta(days=1)), NOON, "x.db")
    assert "Set the clock" in bad.value.remedy


def test_a_moment_needs_a_time_zone() -> None:
    naive = a_result().model_copy(update={"finished_at": NOON.replace(tzinfo=None)})
    with pytest.raises(NotRecordable, match="without a time zone"):
        refuse_future(naive, NOON, "x.db")


@given(rows=st.lists(st.integers()), size=st.integers(1, 9))
def test_batches_are_all_rows_in_order(rows: list[int], size: int) -> None:
    parts = list(batched(rows, size))
    assert [row for part in parts for row in part] == rows
    assert all(1 <= len(part) <= size for part in parts)
