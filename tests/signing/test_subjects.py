"""The subjects of a statement."""

from __future__ import annotations

from typing import Any

import pytest

from certify.model.errors import NotBelieved
from certify.signing.subjects import LIST, STATEMENT, subject_digests

GOOD: dict[str, Any] = {
    "_type": STATEMENT,
    "predicateType": LIST,
    "subject": [{"digest": {"sha256": "a", "sha512": "b"}}, {"digest": {"sha256": "c"}}],
}


def test_every_digest_of_every_subject_counts() -> None:
    assert subject_digests(GOOD, LIST) == ("sha256:a", "sha512:b", "sha256:c")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"_type": "other"}, "states something else"),
        ({"predicateType": "a\x1b[31m"}, r"something else \(a\)"),
        ({"subject": None}, "names no subjects"),
        ({"subject": [{}]}, "names no subjects"),
        ({"subject": ["a"]}, "names no subjects"),
    ],
)
def test_another_statement_is_not_believed(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(NotBelieved, match=message):
        subject_digests(GOOD | changes, LIST)
