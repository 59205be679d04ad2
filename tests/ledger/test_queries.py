"""Queries of the ledger in the SQL of both databases."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import Select
from sqlalchemy.dialects import postgresql, sqlite

from certify.ledger import queries
from certify.ledger.queries import NAMES

SERVER = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
FILE = sqlite.dialect(paramstyle="named")
QUERIES = [
    queries.results_of_references(None, NAMES),
    queries.results_of_references("devspace", NAMES),
    queries.runs_without_image("devspace", NAMES),
    queries.history("debian:12"),
]


@pytest.mark.parametrize("query", QUERIES)
def test_queries_are_the_same_for_both_databases(query: Select[tuple[object, ...]]) -> None:
    for_server = str(query.compile(dialect=SERVER))
    for_file = str(query.compile(dialect=FILE))
    assert re.sub(r"::[A-Z]+", "", for_server).split() == for_file.split()
