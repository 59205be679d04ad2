"""Signed envelopes for statements: DSSE, wrapped as a Sigstore bundle.

DSSE is https://github.com/secure-systems-lab/dsse; the bundle is version 0.3 of Sigstore's, with
a public key's hint instead of a certificate, as ``cosign verify-attestation --key`` reads it.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, Signature, SSlibKey

from certify.model.errors import NotBelieved
from certify.signing.keys import PrivateKey, PublicKey, key_id
from certify.util.text import one_line

PAYLOAD_TYPE = "application/vnd.in-toto+json"
BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
LARGEST = 4 * 1024 * 1024
"""The limit of a bundle in bytes; none of certify's comes near it."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """One signed payload, not yet verified."""

    payload: bytes
    payload_type: str
    keyid: str
    signature: bytes

    @classmethod
    def parse(cls, raw: bytes) -> Bundle:
        """Read a bundle. Raises :class:`NotBelieved` for anything else."""
        try:
            if len(raw) > LARGEST:
                raise ValueError("it is too large")
            bundle = json.loads(raw)
            envelope = bundle["dsseEnvelope"]
            (signature,) = envelope["signatures"]
            hint = bundle["verificationMaterial"]["publicKey"]["hint"]
            return cls(
                payload=_bytes(envelope["payload"]),
                payload_type=str(envelope["payloadType"]),
                keyid=_bytes(hint).hex(),
                signature=_bytes(signature["sig"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise NotBelieved(
                f"the signature cannot be read: it is no Sigstore bundle ({one_line(repr(error))})"
            ) from error

    def verify(self, key: PublicKey) -> dict[str, Any]:
        """Return the signed statement.

        Raises :class:`NotBelieved`, with the reason, if the key did not sign it, or if what it
        signed is no statement.
        """
        wanted = key_id(key)
        if self.keyid != wanted:
            raise NotBelieved(
                f"it is signed with another key: expected is {wanted[:16]}…,"
                f" found {one_line(self.keyid, 17) or 'none that is named'}"
            )
        signature = Signature(self.keyid, self.signature.hex())
        envelope = Envelope(self.payload, self.payload_type, {self.keyid: signature})
        try:
            envelope.verify([_public(key)], 1)
        except (VerificationError, ValueError) as error:
            raise NotBelieved("its signature is not valid: it was changed since") from error
        if self.payload_type != PAYLOAD_TYPE:
            raise NotBelieved(f"what is signed is no statement but {one_line(self.payload_type)}")
        try:
            statement = json.loads(self.payload)
        except ValueError as error:
            raise NotBelieved("what is signed is not JSON") from error
        if not isinstance(statement, dict):
            raise NotBelieved("what is signed is no statement")
        return statement


def sign(statement: bytes, key: PrivateKey) -> bytes:
    """Return the bundle for a statement, as JSON."""
    signer = _signer(key)
    envelope = Envelope(statement, PAYLOAD_TYPE, {})
    envelope.sign(signer)
    signed = envelope.to_dict()
    # Only the hint names the key: cosign passes over a signature with a `keyid` of another kind.
    signed["signatures"] = [each | {"keyid": ""} for each in signed["signatures"]]
    fingerprint = base64.b64encode(bytes.fromhex(signer.public_key.keyid)).decode()
    bundle = {
        "mediaType": BUNDLE_TYPE,
        "verificationMaterial": {"publicKey": {"hint": fingerprint}},
        "dsseEnvelope": signed,
    }
    return json.dumps(bundle, separators=(",", ":")).encode() + b"\n"


@lru_cache(maxsize=1)
def _signer(key: PrivateKey) -> CryptoSigner:
    return CryptoSigner(key, _public(key.public_key()))


def _public(key: PublicKey) -> SSlibKey:
    return SSlibKey.from_crypto(key, keyid=key_id(key))


def _bytes(text: object) -> bytes:
    return base64.b64decode(str(text), validate=True)
