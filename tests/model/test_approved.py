"""Entries of the approved-images list."""

from __future__ import annotations

from certify.model.approved import entry_of
from tests.factories import an_entry, digest


def test_entries_share_what_is_the_same_in_many() -> None:
    fields = an_entry(digest=digest(1), manifest_digest=digest(1)).model_dump()
    copied = {name: "".join(list(v)) if isinstance(v, str) else v for name, v in fields.items()}
    first, second = entry_of(fields), entry_of(copied)
    assert first == second
    for name in ("registry", "repository", "platform", "profile", "suite"):
        assert getattr(first, name) is getattr(second, name), name
    assert second.manifest_digest is second.digest


def test_a_manifest_of_an_index_keeps_its_own_digest() -> None:
    fields = an_entry(digest=digest(1), manifest_digest=digest(2)).model_dump()
    assert entry_of(fields).manifest_digest == digest(2)
