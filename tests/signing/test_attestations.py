"""Signed files of a publication: what was signed before keeps its signature."""

from __future__ import annotations

from pathlib import Path

from certify.signing.envelope import Bundle
from certify.signing.keys import key_id, read_public
from tests.factories import a_certificate
from tests.support.keys import MakePair, private_key, signed


def test_what_was_signed_before_stays_as_it_is(
    pair: tuple[Path, Path], make_pair: MakePair
) -> None:
    first = signed(a_certificate(), private_key(pair[0]))
    again = signed(a_certificate(), private_key(pair[0]), first.get)
    assert again == first
    other = signed(a_certificate(), private_key(make_pair()[0]), first.get)
    assert other.keys() == first.keys()
    assert other != first
    changed = signed(a_certificate(profile="devspace"), private_key(pair[0]), first.get)
    assert not changed.keys() & first.keys()
    assert Bundle.parse(next(iter(first.values()))).keyid == key_id(read_public(pair[1]))
