"""The terms of verdicts: one spelling in texts, JSON, the ledger and file names."""

from __future__ import annotations

import json
import re
from enum import Enum

import pytest

from certify.model import terms

KINDS = [
    each
    for each in vars(terms).values()
    if isinstance(each, type) and each.__module__ == terms.__name__ and issubclass(each, Enum)
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_term_is_written_as_it_is_read(kind: type[Enum]) -> None:
    for term in kind:
        assert json.loads(json.dumps({term: term})) == {f"{term}": f"{term}"}
        assert kind(f"{term}") is term
        assert re.fullmatch("[a-z]+(-[a-z]+)*", f"{term}"), (
            "a file, a CSS class and a URL may name it"
        )
