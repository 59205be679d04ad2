"""The text of a list on its way into files."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from certify.approved import stored_list
from certify.approved.render import list_json
from certify.approved.stored_list import StoredList
from certify.model.errors import UsageError
from tests.factories import a_list, an_entry, digest_of

LISTED = a_list(an_entry(), an_entry(reference="registry.invalid/team/app:ü", tag="ü"))


def test_both_forms_are_the_list_and_always_the_same(tmp_path: Path) -> None:
    whole = "".join(list_json(LISTED)).encode()
    packed = []
    for _ in range(2):
        with StoredList(LISTED, tmp_path) as stored:
            packed.append(b"".join(stored.compressed()))
            assert b"".join(stored.parts()) == whole
            assert stored.digest == digest_of(whole)
    assert gzip.decompress(packed[0]) == whole
    assert packed[0] == packed[1]
    assert not [*tmp_path.iterdir()]


def test_what_no_gate_would_read_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_list, "LARGEST", 1_000)
    with pytest.raises(UsageError, match=r"0 MiB, and `certify verify` reads at most"):
        StoredList(LISTED, tmp_path)
    assert not [*tmp_path.iterdir()]
