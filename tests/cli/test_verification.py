"""The answers of ``certify verify`` to several images, and their exit code."""

from __future__ import annotations

import pytest

from certify.cli.verification import Verification, exit_code
from certify.model.errors import Trouble
from certify.model.reference import Reference
from certify.signing.gate import Decision

DIGEST = f"sha256:{'a' * 64}"
APPROVED, REFUSED = Decision("approved", "certified"), Decision("revoked", "it is revoked")


def answer(decision: Decision | None, digest: str | None = DIGEST) -> Verification:
    found = Verification(Reference.parse("debian:12"), "linux/amd64", "plain", digest, decision)
    found.problem = None if decision else Trouble("no answer")
    return found


@pytest.mark.parametrize(
    ("decisions", "code"),
    [
        ([APPROVED, APPROVED], 0),
        ([APPROVED, REFUSED], 1),
        ([APPROVED, None], 3),
        ([None, REFUSED], 1),
    ],
)
def test_only_all_approved_opens_the_gate(decisions: list[Decision | None], code: int) -> None:
    assert exit_code(map(answer, decisions)) == code


def test_a_line_names_the_digest_once_it_is_known() -> None:
    pin = f"docker.io/library/debian@{DIGEST}"
    assert answer(APPROVED).line == f"approved: {pin}: certified"
    assert answer(REFUSED).line == f"not approved: {pin}: it is revoked"
    assert answer(None, digest=None).line == "unknown: debian:12: no answer"


def test_json_says_unknown_where_nothing_was_decided() -> None:
    fields = answer(None).fields()
    assert (fields["approved"], fields["reason"], fields["entry"]) == (None, "unknown", None)
    assert "list" not in fields
