"""The end of a sweep: one result for each image, and the changes, even if the ledger fails."""

from __future__ import annotations

import gc
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import event

from certify.certification.engines import Engines
from certify.certification.options import Options
from certify.engine.client import Engine
from certify.judge.profiles import load
from certify.ledger import store
from certify.ledger.changes import Change, ChangeKind
from certify.ledger.store import Ledger
from certify.model.result import Result
from certify.model.terms import Status
from certify.publish.recorder import Recorder
from certify.sweep import conclusion
from certify.sweep.plan import Item, ItemState, ResolvedImage
from certify.sweep.results import ResultsByKey
from certify.sweep.sweep import Sweep, SweepPlan
from tests.factories import REGISTRY, a_certificate, digest
from tests.support.failing_ledgers import Damage, broken, full

FRESH = a_certificate()
OWN = FRESH.image.reference
ITEM = Item(
    ResolvedImage(OWN, "plain", "linux/amd64", digest(1), suite="1"), ItemState.FRESH, "valid"
)
PLAN = SweepPlan([ITEM], [], [])
BATCH_SIZE = 20


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{tmp_path}/certify.db") as found:
        yield found


@pytest.fixture
def recorder(ledger: Ledger, tmp_path: Path) -> Recorder:
    return Recorder(ledger, tmp_path / "reports")


def a_sweep(recorder: Recorder) -> Sweep:
    """A sweep that has nothing to run."""
    return Sweep(Engines(cast(Engine, None)), recorder, {"plain": load("plain")}, Options())


def finish(recorder: Recorder, new: ResultsByKey) -> tuple[list[Result], list[Change] | None]:
    sweeps = recorder.ledger.sweeps
    with sweeps.running("list.txt", "me/1/1", lambda _: True) as number:
        end = a_sweep(recorder).finish(PLAN.keys, new, [], number, "list.txt")
        return [*end.whole], end.changes


def documents_held() -> int:
    """Return the number of whole results in memory but those that were frozen."""
    gc.collect()
    return sum(isinstance(each, Result) and bool(each.log) for each in gc.get_objects())


def test_an_unchanged_sweep_holds_few_documents(
    recorder: Recorder, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (conclusion, store):
        monkeypatch.setattr(module, "BATCH_SIZE", BATCH_SIZE)
    count, items = 2 * BATCH_SIZE + 10, []
    for number in range(count):
        more = {"reference": f"{REGISTRY}/app:{number}", "digest": digest(number)}
        result = a_certificate(image=more).model_copy(update={"log": f"booted {number}"})
        ledger.record(result)
        image = ResolvedImage(result.image.reference, "plain", "linux/amd64", digest(number))
        items.append(Item(image, ItemState.FRESH, "valid"))
    read: list[str] = []
    event.listen(
        ledger._database.engine, "before_cursor_execute", lambda *call: read.append(call[2])
    )
    with ledger.sweeps.running("list.txt", "me/1/1", lambda _: True) as number:
        end = a_sweep(recorder).finish(SweepPlan(items, [], []).keys, {}, [], number, "list.txt")
    assert not [query for query in read if "certify_results.document" in query]
    assert len(end.entries) == len(end.results) == count
    gc.freeze()  # what is there already, of other tests, too, is not counted
    most = 0
    for place, whole in enumerate(end.whole):
        assert whole.log
        if place % BATCH_SIZE == BATCH_SIZE - 1:
            most = max(most, documents_held())
    assert 0 < most <= BATCH_SIZE + 1
    documents = [query for query in read if "certify_results.document" in query]
    assert len(documents) == 3, "one for each batch"
    recorder.write_reports(end.whole)
    suites = ET.parse(recorder._reports / "junit.xml").getroot()
    assert [each.get("name") for each in suites] == [
        f"{each.image.reference} (plain)" for each in end.results
    ]


def test_a_revocation_is_a_change(recorder: Recorder, ledger: Ledger) -> None:
    ledger.record(FRESH)
    for revoked, status, kinds in (
        (False, Status.CERTIFIED, None),
        (False, Status.CERTIFIED, []),
        (True, Status.REJECTED, [ChangeKind.BROKEN]),
        (True, Status.REJECTED, []),
    ):
        if revoked:
            ledger.revocations.add(digest(1), OWN, "back door")
        (result,), changes = finish(recorder, {})
        assert result.verdict.status is status
        assert (None if changes is None else [each.kind for each in changes]) == kinds
    assert ledger.revocations.lift(digest(1), "in error")
    assert finish(recorder, {})[0] == [FRESH]


def test_a_new_result_of_a_revoked_image_is_rejected(recorder: Recorder, ledger: Ledger) -> None:
    ledger.revocations.add(digest(1), OWN, "back door")
    (result,), _ = finish(recorder, {ITEM.image.key: FRESH})
    assert result.verdict.reasons[0].text == "revoked: back door"


@pytest.mark.parametrize("damage", [full, broken])
def test_new_results_are_reported_even_if_the_ledger_fails(
    recorder: Recorder, ledger: Ledger, tmp_path: Path, damage: Damage
) -> None:
    ledger.record(FRESH)
    other = ResolvedImage(f"{OWN}2", "plain", "linux/amd64", digest(5), suite="1")
    plan = SweepPlan([ITEM, Item(other, ItemState.NEW, "never certified")], [], [])
    new = a_certificate(status=Status.REJECTED, image={"digest": digest(5)})
    with ledger.sweeps.running("list.txt", "me/1/1", lambda _: True) as number:
        damage(ledger, tmp_path)
        for each in range(20):  # until the database is full
            more = {"reference": f"{REGISTRY}/app:{each}", "digest": digest(each)}
            recorder.record(a_certificate(image=more))
        end = a_sweep(recorder).finish(plan.keys, {other.key: new}, [], number, "list.txt")
        found = [*end.whole]
    assert found[1].verdict == new.verdict
    assert recorder.errors
    if damage is broken:
        assert found[0].verdict.status is Status.INCONCLUSIVE
        assert found[0].verdict.reasons[0].text == recorder.errors[0]
    else:
        assert found[0] == FRESH
