"""Globs that could not be expanded, and the images that they would list."""

from __future__ import annotations

from certify.ledger.changes import SweepEntry
from certify.model.errors import ImageUnavailable
from certify.model.terms import Status
from certify.sweep.expand import UnlistedPattern
from certify.sweep.unknown import of_patterns, unlisted_entries


def test_a_glob_of_several_lines_is_one_entry() -> None:
    trouble = ImageUnavailable("r.example does not answer")
    entries = unlisted_entries(
        UnlistedPattern(pattern, line, trouble) for line, pattern in enumerate("aab", start=1)
    )
    assert [each.reference for each in entries] == ["a", "b"]
    assert {(each.status, each.cause) for each in entries} == {
        (Status.INCONCLUSIVE, "r.example does not answer")
    }


def test_a_glob_would_list_what_it_matches() -> None:
    trouble = ImageUnavailable("")
    would_list = of_patterns(unlisted_entries([UnlistedPattern("r.example/a/*:1.*", 1, trouble)]))
    listed = {
        name: would_list(SweepEntry(f"r.example/{name}", "", "plain", "", Status.CERTIFIED))
        for name in ("a/x:1.2", "a/x:2", "b/x:1.2")
    }
    assert listed == {"a/x:1.2": True, "a/x:2": False, "b/x:1.2": False}
