"""The subjects of an in-toto statement: what its signature is about. Pure.

Apart from the statements themselves, whose classes take long to make and verify no list.
"""

from __future__ import annotations

from typing import Any

from certify.model.errors import NotBelieved
from certify.util.text import one_line

STATEMENT = "https://in-toto.io/Statement/v1"
LIST = "urn:certify:approved-images:v1"
"""The predicate type of a statement about an ``approved-images.json``."""


def subject_digests(statement: dict[str, Any], predicate_type: str) -> tuple[str, ...]:
    """Return the digests that a statement is about.

    Raises :class:`NotBelieved` if it has another predicate type, or no valid subjects.
    """
    if statement.get("_type") != STATEMENT or statement.get("predicateType") != predicate_type:
        kind = one_line(str(statement.get("predicateType")), 80)
        raise NotBelieved(f"what is signed states something else ({kind})")
    try:
        found = tuple(
            f"{algorithm}:{value}"
            for subject in statement["subject"]
            for algorithm, value in subject["digest"].items()
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise NotBelieved("what is signed names no subjects") from error
    return found
