"""What becomes of results: recorded as found, shown as they stand, whatever ledger and disk do."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import event, text

from certify.certification.certify import Options
from certify.cli.run import exit_code
from certify.engine.client import Engine
from certify.judge.profiles import load
from certify.ledger.changes import Change, ChangeKind
from certify.ledger.store import Ledger
from certify.model.file_names import certificate_stem
from certify.model.result import Os, Result
from certify.model.terms import Outcome, Status
from certify.publish.recorder import Recorder
from certify.sweep.plan import Item, ItemState, Resolved
from certify.sweep.results import ResultsByKey
from certify.sweep.sweep import Sweep, SweepPlan
from tests.factories import NOW, a_certificate, a_check, digest

OWN = a_certificate().image.reference
Damage = Callable[[Ledger, Path], None]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{tmp_path}/certify.db") as found:
        yield found


@pytest.fixture
def keeper(ledger: Ledger, tmp_path: Path) -> Recorder:
    return Recorder(ledger, tmp_path / "reports")


def image(number: int, status: Status = Status.CERTIFIED, age: float = 0) -> Result:
    """One of many Debians, whose certificate is so many days old."""
    own = {
        "reference": f"registry.invalid/team/app:{number}", "digest": digest(number),
        "manifest_digest": digest(number), "os": Os(id="debian"),
    }  # fmt: skip
    moment = NOW - timedelta(days=age)
    return a_certificate(
        image=own, status=status, finished_at=moment, expires_at=moment + timedelta(days=30)
    )


def full(ledger: Ledger, _folder: Path) -> None:
    """No more room: SQLite's own words, for whatever is written from now on."""
    with ledger._engine.connect() as connection:
        pages = connection.scalar(text("PRAGMA page_count"))
    ledger.close()

    def limit(connection: object, _record: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")  # type: ignore[attr-defined]

    event.listen(ledger._engine, "connect", limit)


def broken(ledger: Ledger, folder: Path) -> None:
    """Nothing can be read any more, either."""
    ledger.close()
    (folder / "certify.db").write_bytes(b"this is no database any more" * 1000)


def test_a_revoked_image_is_recorded_as_found_and_shown_as_rejected(
    keeper: Recorder, ledger: Ledger, tmp_path: Path
) -> None:
    result = a_certificate(checks=(a_check("x.y", Outcome.PASSED),))
    ledger.revocations.add(digest(1), OWN, "back door")
    keeper.record(result)
    (told,) = keeper.advised(keeper.shown([result]))
    keeper.write_reports([told])
    assert told.verdict.reasons[0].text == "revoked: back door"
    assert exit_code([told]) == 1
    assert ET.parse(tmp_path / "reports/junit.xml").getroot().findall(".//failure")
    certificate = tmp_path / f"reports/results/{certificate_stem(result)}.json"
    assert Result.model_validate_json(certificate.read_text()).verdict == told.verdict
    assert ledger.history(OWN) == [result], "recorded as found"
    assert keeper.unkept == []


def test_who_needs_it_is_told_of_what_is_certified_now(keeper: Recorder, ledger: Ledger) -> None:
    mine = image(1, Status.REJECTED, age=29)
    known = [image(2), image(3, age=30), image(4), image(5, Status.REJECTED)]
    for result in (*known, mine):
        ledger.record(result)
    ledger.revocations.add(digest(4), "app:4", "back door")
    (told,) = keeper.advised([mine])
    assert told.recommendation is not None
    assert [each.digest for each in told.recommendation.closest] == [digest(2)]
    # An image that was revoked needs another one as well.
    (told,) = keeper.advised(keeper.shown([image(4)]))
    assert told.recommendation is not None


def test_what_is_at_hand_is_not_read_again(keeper: Recorder, ledger: Ledger) -> None:
    results = [image(1, Status.REJECTED), image(2)]
    for result in results:
        ledger.record(result)
    said: list[str] = []
    event.listen(ledger._engine, "before_cursor_execute", lambda *told: said.append(told[2]))
    told = keeper.advised(results)
    assert told[0].recommendation is not None
    assert [each.digest for each in told[0].recommendation.closest] == [digest(2)]
    assert not [query for query in said if "document" in query]


def test_for_whom_nothing_could_be_better_nothing_is_read(keeper: Recorder, ledger: Ledger) -> None:
    ledger.record(image(2))
    said: list[str] = []
    event.listen(ledger._engine, "before_cursor_execute", lambda *told: said.append(told[2]))
    for result in (image(1), image(1, Status.INCONCLUSIVE)):
        assert keeper.advised(keeper.shown([result])) == [result]
    assert not [query for query in said if "certify_results" in query]
    rejected = image(1, Status.REJECTED).model_copy(update={"profile": "devspace"})
    assert keeper.advised([rejected]) == [rejected]
    assert not [query for query in said if "document" in query], "of other profiles either"


@pytest.mark.parametrize("damage", [full, broken])
def test_a_ledger_that_fails_costs_no_answer(
    keeper: Recorder, ledger: Ledger, tmp_path: Path, damage: Damage
) -> None:
    damage(ledger, tmp_path)
    rejected = image(1, Status.REJECTED)
    for number in range(20):  # until no page has room for one more
        keeper.record(image(number))
    told = keeper.advised(keeper.shown([rejected]))
    assert [each.verdict for each in told] == [rejected.verdict]
    keeper.write_reports(told)
    assert "full" in keeper.unkept[0] or "not a database" in keeper.unkept[0]
    assert len(keeper.unkept) == len(set(keeper.unkept))
    assert (tmp_path / "reports/junit.xml").is_file()


def test_reports_that_cannot_be_written_are_told(keeper: Recorder, tmp_path: Path) -> None:
    (tmp_path / "reports/junit.xml/in the way").mkdir(parents=True)
    keeper.write_reports([a_certificate()])
    (said,) = keeper.unkept
    assert said.startswith("the reports cannot be written: ")


# ------------------------------------------------------------------------------ a sweep's end


FRESH = a_certificate()
ITEM = Item(
    Resolved(OWN, "plain", "linux/amd64", digest(1), suite="1"), ItemState.FRESH, "it stands"
)
PLAN = SweepPlan([ITEM], [], [])


def sweeping(keeper: Recorder) -> Sweep:
    """A sweep for which nothing is to be run."""
    return Sweep(cast(Engine, None), keeper, {"plain": load("plain")}, Options())


def account(keeper: Recorder, said: ResultsByKey) -> tuple[list[Result], list[Change] | None]:
    sweeps = keeper.ledger.sweeps
    with sweeps.running("list.txt", "me/1/1", lambda _: True) as number:
        return sweeping(keeper).account(PLAN, said, [], number, "list.txt")


def test_what_stands_is_told_and_compared_as_it_is_shown(keeper: Recorder, ledger: Ledger) -> None:
    """A revocation is news: an image that was fine is no longer."""
    ledger.record(FRESH)
    for revoked, status, kinds in (
        (False, Status.CERTIFIED, None),
        (False, Status.CERTIFIED, []),
        (True, Status.REJECTED, [ChangeKind.BROKEN]),
        (True, Status.REJECTED, []),
    ):
        if revoked:
            ledger.revocations.add(digest(1), OWN, "back door")
        (told,), changed = account(keeper, {})
        assert told.verdict.status is status
        assert (None if changed is None else [each.kind for each in changed]) == kinds
    assert ledger.revocations.lift(digest(1), "in error")
    assert account(keeper, {})[0] == [FRESH]


def test_its_own_answer_is_told_as_revoked_too(keeper: Recorder, ledger: Ledger) -> None:
    ledger.revocations.add(digest(1), OWN, "back door")
    (told,), _ = account(keeper, {ITEM.wanted.key: FRESH})
    assert told.verdict.reasons[0].text == "revoked: back door"


@pytest.mark.parametrize("damage", [full, broken])
def test_what_was_said_is_told_though_the_ledger_fails_on_the_way(
    keeper: Recorder, ledger: Ledger, tmp_path: Path, damage: Damage
) -> None:
    ledger.record(FRESH)
    other = Resolved(f"{OWN}2", "plain", "linux/amd64", digest(5), suite="1")
    plan = SweepPlan([ITEM, Item(other, ItemState.NEW, "never certified")], [], [])
    answer = image(5, Status.REJECTED)
    with ledger.sweeps.running("list.txt", "me/1/1", lambda _: True) as number:
        damage(ledger, tmp_path)
        for each in range(20):
            keeper.record(image(each))
        found, _ = sweeping(keeper).account(plan, {other.key: answer}, [], number, "list.txt")
    assert found[1].verdict == answer.verdict
    assert keeper.unkept
    if damage is broken:
        assert found[0].verdict.status is Status.INCONCLUSIVE
        assert found[0].verdict.reasons[0].text == keeper.unkept[0]
    else:
        assert found[0] == FRESH
