"""Signatures, verified by plain cryptography, and every forgery refused."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

from certify.model.errors import NotBelieved
from certify.signing.envelope import Bundle, sign
from certify.signing.keys import key_id, read_public
from certify.signing.statements import (
    list_statement,
    parse_statement,
    result_statement,
)
from certify.signing.subjects import LIST, subject_digests
from tests.factories import DIGEST, a_certificate, a_list
from tests.support.keys import MakePair, private_key


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
    raw = list_statement(DIGEST, a_list(), "approved-images.json")
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
    listed = json.loads(list_statement(DIGEST, a_list(), "x.json"))
    with pytest.raises(NotBelieved, match="states something else"):
        parse_statement(listed)


@given(st.binary(max_size=200) | st.text(max_size=80).map(str.encode))
def test_whatever_is_no_bundle_is_said_to_be_none(raw: bytes) -> None:
    with pytest.raises(NotBelieved, match="no Sigstore bundle"):
        Bundle.parse(raw)
