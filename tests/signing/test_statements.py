"""What is signed: read back by in-toto's own library, verified by plain cryptography."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as StatementPb
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

from certify.model.approved import Revocation
from certify.model.errors import NotBelieved
from certify.model.terms import Level, Outcome, Status
from certify.signing.envelope import Bundle, sign
from certify.signing.keys import key_id, read_public
from certify.signing.statements import (
    LIST,
    TEST_RESULT,
    list_statement,
    parse_statement,
    result_statement,
    revocation_statement,
    subject_digests,
)
from tests.factories import NOW, a_certificate, a_check, a_list, a_waiver, digest, raw_list
from tests.support.keys import MakePair, private_key

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


# Signatures, by independent means


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding, written from its specification."""
    kind = payload_type.encode()
    return b" ".join(
        (b"DSSEv1", str(len(kind)).encode(), kind, str(len(payload)).encode(), payload)
    )


def check_signature(public: Path, message: bytes, signature: bytes) -> None:
    key = serialization.load_pem_public_key(public.read_bytes())
    if isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, message)
    else:
        assert isinstance(key, ec.EllipticCurvePublicKey)
        key.verify(signature, message, ec.ECDSA(hashes.SHA256()))


def test_plain_cryptography_verifies_the_signature(pair: tuple[Path, Path]) -> None:
    private, public = pair
    raw = result_statement(a_certificate())
    assert raw is not None
    bundle = json.loads(sign(raw, private_key(private)))
    envelope = bundle["dsseEnvelope"]
    payload = base64.b64decode(envelope["payload"], validate=True)
    (signature,) = envelope["signatures"]
    sig = base64.b64decode(signature["sig"], validate=True)
    assert payload == raw
    check_signature(public, pae("application/vnd.in-toto+json", payload), sig)
    with pytest.raises(InvalidSignature):
        check_signature(public, pae("application/json", payload), sig)
    assert bundle["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    hint = bundle["verificationMaterial"]["publicKey"]["hint"]
    assert base64.b64decode(hint).hex() == key_id(read_public(public))
    assert signature["keyid"] == "", "or cosign would pass over it"


def test_securesystemslib_verifies_the_envelope(pair: tuple[Path, Path]) -> None:
    private, public = pair
    envelope = json.loads(sign(b"{}", private_key(private)))["dsseEnvelope"]
    loaded = serialization.load_pem_public_key(public.read_bytes())
    key = SSlibKey.from_crypto(loaded, keyid="a")
    envelope["signatures"][0]["keyid"] = "a"  # by which it looks for keys, and does not verify
    assert Envelope.from_dict(envelope).verify([key], 1)


def test_what_was_signed_is_believed(pair: tuple[Path, Path]) -> None:
    private, public = pair
    raw = list_statement(b"bytes", a_list(), "approved-images.json")
    found = Bundle.parse(sign(raw, private_key(private))).verify(read_public(public))
    assert found == json.loads(raw)


def with_payload(bundle: bytes, payload: bytes) -> bytes:
    data = json.loads(bundle)
    data["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    return json.dumps(data).encode()


def test_each_forgery_is_refused_with_its_own_reason(
    pair: tuple[Path, Path], make_pair: MakePair
) -> None:
    private, public = pair
    key, raw = read_public(public), result_statement(a_certificate())
    assert raw is not None
    good = sign(raw, private_key(private))
    tampered = with_payload(good, raw.replace(b"PASSED", b"FAILED"))
    with pytest.raises(NotBelieved, match="is not valid: it was changed since"):
        Bundle.parse(tampered).verify(key)
    other = sign(raw, private_key(make_pair("ed25519")[0]))
    with pytest.raises(NotBelieved, match="signed with another key"):
        Bundle.parse(other).verify(key)
    posing = json.loads(other)
    posing["verificationMaterial"] = json.loads(good)["verificationMaterial"]
    with pytest.raises(NotBelieved, match="is not valid"):
        Bundle.parse(json.dumps(posing).encode()).verify(key)
    kind = json.loads(good)
    kind["dsseEnvelope"]["payloadType"] = "application/json"
    with pytest.raises(NotBelieved, match="is not valid"):
        Bundle.parse(json.dumps(kind).encode()).verify(key)
    with pytest.raises(NotBelieved, match="is not JSON"):
        Bundle.parse(sign(b"not json", private_key(private))).verify(key)
    statement = Bundle.parse(good).verify(key)
    with pytest.raises(NotBelieved, match="states something else"):
        subject_digests(statement, LIST)
    listed = json.loads(list_statement(raw_list(a_list()), a_list(), "x.json"))
    with pytest.raises(NotBelieved, match="states something else"):
        parse_statement(listed)


@given(st.binary(max_size=200) | st.text(max_size=80).map(str.encode))
def test_whatever_is_no_bundle_is_said_to_be_none(raw: bytes) -> None:
    with pytest.raises(NotBelieved, match="no Sigstore bundle"):
        Bundle.parse(raw)


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
