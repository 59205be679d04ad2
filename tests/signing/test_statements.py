"""What is signed: read back by in-toto's own library, verified by plain cryptography."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as StatementPb

from certify.model.approved import Revocation
from certify.model.errors import NotBelieved
from certify.model.terms import Level, Outcome, Status
from certify.signing.statements import (
    TEST_RESULT,
    parse_statement,
    result_statement,
    revocation_statement,
)
from tests.factories import NOW, a_certificate, a_check, a_waiver, digest

PASSED, FAILED, UNKNOWN = Outcome.PASSED, Outcome.FAILED, Outcome.UNKNOWN


def stated(raw: bytes | None) -> dict[str, Any]:
    assert raw is not None
    found = json.loads(raw)
    assert isinstance(found, dict)
    return found


def test_in_totos_own_library_accepts_the_statement() -> None:
    raw = result_statement(a_certificate(checks=(a_check("image.os", PASSED),)))
    assert raw is not None
    parsed = json_format.Parse(raw, StatementPb())
    Statement.copy_from_pb(parsed).validate()
    predicate = json.dumps(stated(raw)["predicate"])
    result = json_format.Parse(predicate, test_result_pb2.TestResult())
    assert (result.result, list(result.passed_tests)) == ("PASSED", ["image.os"])
    assert result.configuration[0].name == "plain"


def test_the_subjects_are_index_and_manifest() -> None:
    statement = stated(result_statement(a_certificate()))
    assert [each["digest"]["sha256"] for each in statement["subject"]] == [
        digest(1)[7:],
        digest(2)[7:],
    ]
    same = stated(result_statement(a_certificate(image={"manifest_digest": digest(1)})))
    assert len(same["subject"]) == 1


@pytest.mark.parametrize(
    ("status", "checks", "word"),
    [
        (Status.CERTIFIED, [a_check("a.a", PASSED)], "PASSED"),
        (Status.CERTIFIED, [a_check("a.a", FAILED, Level.RECOMMENDED)], "WARNED"),
        (Status.CERTIFIED, [a_check("a.a", FAILED, waiver=a_waiver())], "WARNED"),
        (Status.CERTIFIED, [a_check("a.a", UNKNOWN, Level.RECOMMENDED)], "WARNED"),
        (Status.CERTIFIED, [a_check("a.a", Outcome.SKIPPED, Level.RECOMMENDED)], "PASSED"),
        (Status.REJECTED, [a_check("a.a", FAILED)], "FAILED"),
    ],
)
def test_the_word_for_a_verdict(status: Status, checks: list[Any], word: str) -> None:
    result = a_certificate(status=status, checks=tuple(checks))
    assert stated(result_statement(result))["predicate"]["result"] == word


def test_every_check_is_named_where_it_belongs() -> None:
    checks = (
        a_check("a.passed", PASSED),
        a_check("a.failed", FAILED),
        a_check("a.advice", FAILED, Level.RECOMMENDED),
        a_check("a.waived", FAILED, waiver=a_waiver()),
        a_check("a.unknown", UNKNOWN),
        a_check("a.skipped", Outcome.SKIPPED),
    )
    said = stated(result_statement(a_certificate(status=Status.REJECTED, checks=checks)))[
        "predicate"
    ]
    assert said["passedTests"] == ["a.passed"]
    assert said["failedTests"] == ["a.failed"]
    assert said["warnedTests"] == ["a.advice", "a.waived"]


def test_nothing_is_stated_where_nobody_could_tell_or_nobody_could_check() -> None:
    assert result_statement(a_certificate(status=Status.INCONCLUSIVE)) is None
    assert result_statement(a_certificate(image={"digest": None})) is None
    assert result_statement(a_certificate(image={"platform": None})) is None


def test_a_certificate_comes_back() -> None:
    found = parse_statement(stated(result_statement(a_certificate())))
    assert (found.profile, found.platform, found.grade) == ("plain", "linux/amd64", "native")
    assert (found.certified_at, found.result) == (NOW, "PASSED")
    assert found.subjects == (digest(1), digest(2))
    assert (found.revoked, found.lifted) == (None, None)


def test_a_revocation_comes_back() -> None:
    revocation = Revocation(digest=digest(1), reference="a/b@x", reason="a miner", revoked_at=NOW)
    raw = revocation_statement(revocation)
    Statement.copy_from_pb(json_format.Parse(raw, StatementPb())).validate()
    revoked = parse_statement(stated(raw))
    assert (revoked.result, revoked.revoked, revoked.lifted) == ("FAILED", "a miner", None)
    lifted = parse_statement(stated(revocation_statement(revocation, lifted=NOW)))
    assert (lifted.result, lifted.revoked, lifted.lifted) == ("WARNED", None, "a miner")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["_type", "subject", "predicateType", "predicate", "digest", "result"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["subject", "predicate", "configuration"]), _JSON))
def test_whatever_is_signed_is_a_certificate_or_none(fields: dict[str, Any]) -> None:
    known = {"_type": "https://in-toto.io/Statement/v1", "predicateType": TEST_RESULT}
    with pytest.raises(NotBelieved):
        parse_statement(known | fields)
