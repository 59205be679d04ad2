"""Proof of a cause: what blames another than the image counts only with its fact."""

from __future__ import annotations

import contextlib

import pytest
from pydantic import ValidationError

from certify.judge.diagnosis import Diagnosis, Explanation, Signature, diagnose, signatures
from certify.judge.proof import prove
from certify.model.terms import Fault
from certify.suite.facts import is_known

FACT = Explanation(fact="the image declares a VOLUME over /x", cause="VOLUME", remedy="Remove it.")
BLAMED = Diagnosis(
    name="n", cause="The host is old.", fault=Fault.HOST, remedy="Renew it.", line="old",
    proof="the host has cgroup v2", explained_by=(FACT,),
)  # fmt: skip


@pytest.mark.parametrize(
    ("proof", "explained", "fault", "says"),
    [
        (True, False, Fault.HOST, "The host is old."),
        (None, None, Fault.HOST, "The host is old."),
        (False, False, Fault.HOST, "not proven: it is not so that the host has cgroup v2"),
        (True, True, Fault.IMAGE, "VOLUME"),
        (False, True, Fault.IMAGE, "VOLUME"),
    ],
)
def test_what_the_facts_leave_of_a_cause(
    proof: bool | None, explained: bool | None, fault: Fault, says: str
) -> None:
    facts = {BLAMED.proof: proof, FACT.fact: explained}
    proven = prove(BLAMED, lambda fact, line: facts[fact] if line == "old" else None)
    assert proven is not None
    assert proven.fault is fault
    assert says in proven.cause
    assert proven.remedy == ("Remove it." if explained else "Renew it.")


def test_without_a_cause_nothing_is_looked_up() -> None:
    assert prove(None, lambda fact, line: 1 / 0) is None  # type: ignore[arg-type,return-value]


FACTS = sorted(
    {each.fact for signature in signatures() for each in signature.explained_by}
    | {signature.proof for signature in signatures() if signature.proof}
)


@pytest.mark.parametrize("fact", FACTS)
def test_every_fact_that_a_signature_names_can_be_looked_up(fact: str) -> None:
    assert is_known(fact)


@pytest.mark.parametrize(
    ("fault", "fields", "is_accepted"),
    [
        ("host", {}, False),
        ("network", {}, False),
        ("registry", {"proof": "the host has cgroup v1"}, True),
        ("launch", {"unproven": "Only the engine says it."}, True),
        ("host", {"proof": "the host has cgroup v1", "unproven": "Sure."}, False),
        ("image", {}, True),
        ("image", {"proof": "the host has cgroup v1"}, False),
        ("none", {"unproven": "It is noise."}, False),
    ],
)
def test_blame_without_a_proof_or_a_reason_why_it_needs_none_cannot_be_added(
    fault: str, fields: dict[str, str], is_accepted: bool
) -> None:
    table = {
        "name": "n", "pattern": "some words", "cause": "It is old.", "fault": fault,
        "remedy": "Renew it.", "example": "some words", **fields,
    }  # fmt: skip
    with contextlib.nullcontext() if is_accepted else pytest.raises(ValidationError, match="proof"):
        Signature.model_validate(table)


PROVABLE = [signature for signature in signatures() if signature.proof or signature.explained_by]


@pytest.mark.parametrize("signature", PROVABLE, ids=lambda each: each.name)
def test_every_signature_is_proven_both_ways(signature: object) -> None:
    diagnosis = diagnose(getattr(signature, "example"))  # noqa: B009 - of any signature
    assert diagnosis is not None
    refuted = prove(diagnosis, lambda fact, _line: False)
    upheld = prove(diagnosis, lambda fact, _line: fact == diagnosis.proof)
    explained = prove(diagnosis, lambda fact, _line: fact != diagnosis.proof)
    assert refuted is not None and upheld is not None and explained is not None
    assert upheld == diagnosis
    assert ("not proven" in refuted.cause) is bool(diagnosis.proof)
    assert (explained.fault is Fault.IMAGE) is bool(diagnosis.explained_by)
