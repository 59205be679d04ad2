"""Signed files of a publication: what was signed before keeps its signature."""

from __future__ import annotations

from pathlib import Path

from certify.signing.attestations import Signer
from certify.signing.envelope import Bundle
from certify.signing.keys import key_id, read_public
from tests.factories import a_certificate
from tests.support.keys import MakePair, private_key


def test_what_was_signed_before_stays_as_it_is(
    pair: tuple[Path, Path], make_pair: MakePair
) -> None:
    first = Signer(private_key(pair[0]), lambda _: None).sign_results([a_certificate()])
    again = Signer(private_key(pair[0]), first.get).sign_results([a_certificate()])
    assert again == first
    other = Signer(private_key(make_pair()[0]), first.get).sign_results([a_certificate()])
    assert other.keys() == first.keys()
    assert other != first
    changed = Signer(private_key(pair[0]), first.get).sign_results(
        [a_certificate(profile="devspace")]
    )
    assert not changed.keys() & first.keys()
    assert Bundle.parse(next(iter(first.values()))).keyid == key_id(read_public(pair[1]))
