"""The subject of a certification."""

from __future__ import annotations

from certify.ledger.schema import claims_table
from certify.model.subject import Subject


def test_a_claim_in_the_ledger_is_on_all_that_makes_a_subject() -> None:
    assert {"sweep", *Subject._fields} == set(claims_table.c.keys())
