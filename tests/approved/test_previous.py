"""The limits that the previous publication sets for the next one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from certify.approved.previous import NO_KEY, PreviousPublication, Signing
from certify.model.errors import UsageError
from certify.signing.keys import PrivateKey, new_pair, read_private
from tests.factories import NOW, a_list


@pytest.fixture
def key(tmp_path: Path) -> PrivateKey:
    path = tmp_path / "team.key"
    path.write_bytes(new_pair("ecdsa", None)[0])
    return read_private(path, lambda: b"")


def test_without_a_previous_publication_there_are_no_limits(
    tmp_path: Path, key: PrivateKey
) -> None:
    previous = PreviousPublication.read(tmp_path)
    assert (previous.listed, previous.signature, previous.changelog) == (None, None, "")
    assert previous.next_number(NOW) == int(NOW.timestamp())
    previous.check_signing(NO_KEY)
    assert previous.key_warnings(key) == []
    assert not previous.has_revoked("sha256:1")


def test_numbers_grow_though_the_clock_goes_back(tmp_path: Path) -> None:
    previous = PreviousPublication(tmp_path, a_list(), None)
    assert previous.listed is not None
    assert previous.next_number(datetime.fromtimestamp(5, UTC)) == previous.listed.sequence + 1


def test_a_signed_list_needs_a_signed_one_after_it(tmp_path: Path, key: PrivateKey) -> None:
    previous = PreviousPublication(tmp_path, a_list(), b"a bundle")
    with pytest.raises(UsageError, match="is signed"):
        previous.check_signing(NO_KEY)
    previous.check_signing(Signing(key))
    previous.check_signing(Signing(allow_unsigned=True))


def test_an_invalid_signature_warns_of_no_other_key(tmp_path: Path, key: PrivateKey) -> None:
    assert PreviousPublication(tmp_path, a_list(), b"a bundle").key_warnings(key) == []
