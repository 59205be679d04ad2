"""Results in a ledger: recorded, read, and found again by their images."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from certify.ledger.schema import results_table
from certify.ledger.store import Ledger
from certify.model.errors import LedgerUnavailable, NotRecordable
from certify.model.result import AppliedWaiver, Check, Image, Result, WaiverNote
from certify.model.terms import Level, Outcome, WaiverState
from tests.factories import NOON

DEBIAN = "docker.io/library/debian:12"
BOOKWORM = "docker.io/library/debian:bookworm"
WAIVED = AppliedWaiver(
    reason="harmless \x1b[2J",
    owner="ana",
    expires=datetime(2026, 5, 31, 23, 59, 59, tzinfo=UTC),
    ticket="OPS-7",
)
WAIVED_CHECK = Check(
    id="a.b",
    title="t",
    group="a",
    level=Level.REQUIRED,
    outcome=Outcome.FAILED,
    seconds=0.1,
    waiver=WAIVED,
)

Make = Callable[..., Result]


def test_a_result_is_read_as_it_was_recorded(ledger: Ledger, make_result: Make) -> None:
    check = Check(
        id="image.os",
        title="OS",
        group="image",
        level=Level.REQUIRED,
        outcome=Outcome.FAILED,
        seconds=0.1,
        evidence="a\n\x00\x1b\u202e💥 'quoted'; DROP TABLE",
    )
    result = make_result(digest="sha256:1").model_copy(update={"checks": (check,)})
    assert ledger.record(result) == 1
    assert ledger.record(result) == 2
    assert ledger.history(DEBIAN) == [result, result]


def replace_document(path: Path, document: object) -> None:
    """Put a document as older versions stored it into the only result of a ledger."""
    connection = sqlite3.connect(path)
    connection.execute("UPDATE certify_results SET document = ?", (json.dumps(document),))
    connection.commit()
    connection.close()


def test_a_result_of_an_older_version_lacks_fields(tmp_path: Path, make_result: Make) -> None:
    path = tmp_path / "old.db"
    result = make_result(digest="sha256:1")
    with Ledger.open(str(path)) as ledger:
        ledger.record(result)
    old = result.model_dump(mode="json", by_alias=True)
    for later in ("dockerd_samples", "provision_samples"):
        del old["startup"][later]
    replace_document(path, old)
    with Ledger.open(str(path)) as ledger:
        assert ledger.history(DEBIAN) == [result]


def test_a_lone_surrogate_is_replaced(ledger: Ledger, make_result: Make) -> None:
    ledger.record(make_result(digest="sha256:1", created="\ud800"))
    assert ledger.history(DEBIAN)[0].image.created == "\ufffd"


def test_history_begins_with_the_last_recorded(ledger: Ledger, make_result: Make) -> None:
    for hour, digest in ((1, "a"), (3, "c"), (2, "b")):
        ledger.record(make_result(digest=digest, hour=hour))
    ledger.record(make_result(BOOKWORM, digest="z", hour=9))
    assert [r.image.digest for r in ledger.history(DEBIAN)] == ["b", "c", "a"]
    assert ledger.history("debian") == []


@pytest.mark.parametrize("prefix", ["", "sqlite:///"])
def test_a_ledger_is_created_with_its_folder(
    tmp_path: Path, make_result: Make, prefix: str
) -> None:
    path = tmp_path / "new folder" / "cert?#%20.db"
    path = path if not prefix else path.with_name("certify.db")
    with Ledger.open(f"{prefix}{path}") as ledger:
        ledger.record(make_result())
    assert path.exists()
    with Ledger.open(f"{prefix}{path}") as ledger:
        assert len(ledger.matrix_results()) == 1


def test_a_file_that_is_no_database_is_refused_and_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("remember the milk\n" * 100)
    before = path.read_bytes()
    with pytest.raises(LedgerUnavailable, match=r"notes\.txt is not a database") as refused:
        Ledger.open(str(path))
    assert refused.value.remedy
    assert path.read_bytes() == before


def test_a_result_that_cannot_be_read_is_told_and_passed_over(
    ledger_url: str, make_result: Make
) -> None:
    warnings: list[str] = []
    with Ledger.open(ledger_url, warn=warnings.append) as ledger:
        for name in ("a:1", "b:1", "c:1"):
            ledger.record(make_result(name, digest=name))
        spoil(ledger, "b:1", lambda document: document.pop("verdict"))
        assert [each.image.reference for each in ledger.matrix_results()] == ["a:1", "c:1"]
        assert ledger.history("b:1") == []
    (warning,) = warnings
    assert "result 2 cannot be read and is passed over" in warning


def test_fields_of_a_newer_version_are_kept(ledger: Ledger, make_result: Make) -> None:
    ledger.record(make_result().model_copy(update={"checks": (WAIVED_CHECK,)}))

    def add(document: dict[str, Any]) -> None:
        document["image"]["sbom"] = {"spdx": "2.3"}
        document["checks"][0]["retries"] = 2

    spoil(ledger, DEBIAN, add)
    (found,) = ledger.matrix_results()
    kept = found.model_dump(mode="json", by_alias=True)
    assert kept["image"]["sbom"] == {"spdx": "2.3"}
    assert kept["checks"][0]["retries"] == 2
    ledger.record(found)
    assert ledger.history(DEBIAN) == [found, found]


def spoil(ledger: Ledger, reference: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the document of a result in the database."""
    mine = results_table.c.reference == reference
    with ledger._database.engine.begin() as connection:
        document = json.loads(connection.scalar(select(results_table.c.document).where(mine)) or "")
        change(document)
        changed = results_table.update().where(mine).values(document=json.dumps(document))
        connection.execute(changed)


def test_a_recording_that_is_tried_again_is_one(ledger: Ledger, make_result: Make) -> None:
    result = make_result()
    assert [ledger.record(result, "r1"), ledger.record(result, "r1"), ledger.record(result)] == [
        1, 1, 2,
    ]  # fmt: skip
    assert len(ledger.history(DEBIAN)) == 2


def test_a_result_from_the_future_is_refused(ledger: Ledger, make_result: Make) -> None:
    late, soon = (
        datetime.now(UTC) + ahead for ahead in (timedelta(days=400), timedelta(minutes=1))
    )
    result = make_result(digest="a")
    with pytest.raises(NotRecordable, match="lies in the future: by the clock of the ledger"):
        ledger.record(result.model_copy(update={"finished_at": late}))
    assert ledger.matrix_rows() == []
    ledger.record(result.model_copy(update={"finished_at": soon}))
    assert len(ledger.matrix_rows()) == 1, "clocks may differ a little"


def test_a_result_that_lies_in_the_future_now_is_not_in_force(
    ledger: Ledger, make_result: Make
) -> None:
    ledger.record(make_result(image_id="i", hour=2))
    image = Image(reference="x", image_id="i", platform="linux/amd64")
    assert ledger.result_in_force(image, "devspace", NOON + timedelta(hours=2)) is not None
    assert ledger.result_in_force(image, "devspace", NOON) is None


def test_waivers_are_recorded_with_their_result(tmp_path: Path, make_result: Make) -> None:
    notes = tuple(
        WaiverNote(check="a.b", image="team/*", state=state, **WAIVED.model_dump())
        for state in WaiverState
    )
    result = make_result().model_copy(update={"checks": (WAIVED_CHECK,), "waivers": notes})
    with Ledger.open(str(tmp_path / "certify.db")) as ledger:
        ledger.record(result)
        assert ledger.matrix_results() == [result]


def test_a_result_of_an_older_version_has_no_waivers(tmp_path: Path, make_result: Make) -> None:
    path = tmp_path / "certify.db"
    result = make_result().model_copy(
        update={"checks": (WAIVED_CHECK.model_copy(update={"waiver": None}),)}
    )
    with Ledger.open(str(path)) as ledger:
        ledger.record(result)
    old = result.model_dump(mode="json", by_alias=True)
    del old["waivers"]
    replace_document(path, old)
    with Ledger.open(str(path)) as ledger:
        assert ledger.matrix_results() == [result]
