"""What shards hand over; tests/sweep/test_conclusion.py proves that it is what one sweep has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from certify.ledger.changes import SweepEntry
from certify.ledger.rows import document_of
from certify.ledger.store import Ledger
from certify.model.terms import Status
from certify.sweep.join import join_shards
from tests.factories import NOW, a_result

TYPO = SweepEntry("r.example/bsybox:1", "linux/amd64", "plain", "", Status.INCONCLUSIVE)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(str(tmp_path / "certify.db")) as found:
        yield found


def sweep(ledger: Ledger, shard: str, *entries: SweepEntry) -> None:
    number = ledger.sweeps.begin("images.txt", f"me/{shard}/1", lambda _: False, shard)
    ledger.sweeps.finish(number, entries)


def test_a_name_that_was_never_found_comes_with_its_result(ledger: Ledger) -> None:
    result = a_result(image={"reference": TYPO.reference}, status=Status.INCONCLUSIVE, moment=NOW)
    sweep(ledger, "1/1", replace(TYPO, document=document_of(result)))
    found = join_shards(ledger, ledger.sweeps.waiting())
    assert found.new == {TYPO.key: result}
    assert found.never_found == {TYPO.key}


@pytest.mark.parametrize("document", ["", "{", "[]", '{"image": 1}'])
def test_a_result_that_cannot_be_read_is_missed(ledger: Ledger, document: str) -> None:
    sweep(ledger, "1/1", replace(TYPO, document=document))
    found = join_shards(ledger, ledger.sweeps.waiting())
    assert found.keys == {TYPO.key}, "the end of the sweep tells that its result is missing"
    assert not found.new


def test_a_shard_that_did_not_end_is_unknown(ledger: Ledger) -> None:
    sweep(ledger, "2/2")
    found = join_shards(ledger, ledger.sweeps.waiting())
    assert [each.reference for each in found.unknown] == ["images.txt --shard 1/2"]
    assert found.left_out(TYPO), "it may be in the other shard"
