"""What stands in a ledger, and what no accident makes of it."""

from __future__ import annotations

import multiprocessing
import sqlite3
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from certify.ledger.store import Ledger
from certify.model.errors import BadLedger
from certify.model.result import Check, Result
from certify.model.terms import Level, Outcome, Status

CERTIFIED, REJECTED, INCONCLUSIVE = Status.CERTIFIED, Status.REJECTED, Status.INCONCLUSIVE
DEBIAN = "docker.io/library/debian:12"
BOOKWORM = "docker.io/library/debian:bookworm"

Make = Callable[..., Result]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(str(tmp_path / "certify.db")) as opened:
        yield opened


def told(results: list[Result]) -> list[tuple[str, str | None, str]]:
    return [(r.image.reference, r.image.digest, r.verdict.status.value) for r in results]


def test_a_result_comes_back_whole(ledger: Ledger, make_result: Make) -> None:
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


def test_a_result_of_before_there_were_fields_is_read(tmp_path: Path, make_result: Make) -> None:
    path = tmp_path / "old.db"
    result = make_result(digest="sha256:1")
    with Ledger.open(str(path)) as ledger:
        ledger.record(result)
    later = ["$.startup.dockerd_samples", "$.startup.provision_samples"]
    with sqlite3.connect(path) as connection:
        connection.execute(
            "UPDATE certify_results SET document = json_remove(document, ?, ?)", later
        )
        (document,) = connection.execute("SELECT document FROM certify_results").fetchone()
    connection.close()
    assert "dockerd_samples" not in document
    with Ledger.open(str(path)) as ledger:
        assert ledger.history(DEBIAN) == [result]


def test_a_lone_surrogate_does_not_lose_the_result(ledger: Ledger, make_result: Make) -> None:
    ledger.record(make_result(digest="sha256:1", created="\ud800"))
    assert ledger.history(DEBIAN)[0].image.created == "\ufffd"


def test_history_is_newest_first_and_of_one_reference(ledger: Ledger, make_result: Make) -> None:
    for hour, digest in ((1, "a"), (3, "c"), (2, "b")):
        ledger.record(make_result(digest=digest, hour=hour))
    ledger.record(make_result(BOOKWORM, digest="z", hour=9))
    assert [r.image.digest for r in ledger.history(DEBIAN)] == ["c", "b", "a"]
    assert ledger.history("debian") == []


def test_moments_of_any_zone_are_ordered_rightly(ledger: Ledger, make_result: Make) -> None:
    early = make_result(digest="early")
    far_east = timezone(timedelta(hours=9))
    # On its own clock 21:00, and yet before the other's 13:00.
    ledger.record(early.model_copy(update={"finished_at": early.finished_at.astimezone(far_east)}))
    ledger.record(make_result(digest="late", hour=1))
    assert [r.image.digest for r in ledger.history(DEBIAN)] == ["late", "early"]


def test_a_moment_without_a_zone_is_refused(ledger: Ledger, make_result: Make) -> None:
    result = make_result()
    naive = result.model_copy(update={"finished_at": result.finished_at.replace(tzinfo=None)})
    with pytest.raises(BadLedger, match="without a time zone"):
        ledger.record(naive)
    assert ledger.current() == []


@pytest.mark.parametrize(
    ("run", "stands"),
    [
        ([CERTIFIED], CERTIFIED),
        ([CERTIFIED, INCONCLUSIVE], CERTIFIED),
        ([REJECTED, INCONCLUSIVE, INCONCLUSIVE], REJECTED),
        ([INCONCLUSIVE, CERTIFIED], CERTIFIED),
        ([CERTIFIED, REJECTED], REJECTED),
        ([REJECTED, CERTIFIED, INCONCLUSIVE], CERTIFIED),
        ([INCONCLUSIVE, INCONCLUSIVE], INCONCLUSIVE),
    ],
)
def test_the_newest_answer_stands(
    ledger: Ledger, make_result: Make, run: list[Status], stands: Status
) -> None:
    for hour, status in enumerate(run):
        ledger.record(make_result(digest="sha256:1", status=status, hour=hour))
    assert told(ledger.current()) == [(DEBIAN, "sha256:1", stands.value)]
    assert told(ledger.presented()) == [(DEBIAN, "sha256:1", stands.value)]
    newest = max(hour for hour, status in enumerate(run) if status == stands)
    assert (
        ledger.current()[0].finished_at == ledger.history(DEBIAN)[len(run) - 1 - newest].finished_at
    )


def test_each_image_platform_and_profile_stands_by_itself(
    ledger: Ledger, make_result: Make
) -> None:
    ledger.record(make_result(digest="a"))
    ledger.record(make_result(digest="a", platform="linux/arm64", status=REJECTED))
    ledger.record(make_result(digest="a", profile="plain", status=INCONCLUSIVE))
    ledger.record(make_result(digest="b", hour=1))
    ledger.record(make_result("local", image_id="sha256:i"))
    ledger.record(make_result("local:again", image_id="sha256:i", status=REJECTED, hour=1))
    assert len(ledger.current()) == 5
    assert told(ledger.current("plain")) == [(DEBIAN, "a", "inconclusive")]
    assert ("local:again", None, "rejected") in told(ledger.current())
    assert "local" not in {r.image.reference for r in ledger.current()}


def test_without_image_the_reference_is_the_identity(ledger: Ledger, make_result: Make) -> None:
    for hour in range(2):
        ledger.record(make_result(image_id=None, platform=None, status=INCONCLUSIVE, hour=hour))
    assert len(ledger.current()) == 1


def test_a_tag_that_moved_shows_its_newest_image_only(ledger: Ledger, make_result: Make) -> None:
    ledger.record(make_result(digest="old"))
    ledger.record(make_result(digest="new", status=REJECTED, hour=1))
    assert told(ledger.presented()) == [(DEBIAN, "new", "rejected")]
    assert len(ledger.current()) == 2


def test_a_moved_tag_is_not_certified_by_what_it_was(ledger: Ledger, make_result: Make) -> None:
    ledger.record(make_result(digest="old"))
    ledger.record(make_result(digest="new", status=INCONCLUSIVE, hour=1))
    assert told(ledger.presented()) == [(DEBIAN, "new", "inconclusive")]


def test_a_tag_that_moved_back_shows_the_old_certificate(ledger: Ledger, make_result: Make) -> None:
    ledger.record(make_result(digest="old"))
    ledger.record(make_result(digest="new", status=REJECTED, hour=1))
    ledger.record(make_result(digest="old", status=INCONCLUSIVE, hour=2))
    assert told(ledger.presented()) == [(DEBIAN, "old", "certified")]


def test_a_tag_that_moved_under_one_profile_moved_under_all(
    ledger: Ledger, make_result: Make
) -> None:
    ledger.record(make_result(digest="old"))
    ledger.record(make_result(digest="new", profile="plain", hour=1))
    assert ledger.presented("devspace") == []
    assert told(ledger.presented()) == [(DEBIAN, "new", "certified")]


@pytest.mark.parametrize("platform", [None, "linux/amd64"])
@pytest.mark.parametrize("digest", [None, "seen in the registry"])
def test_a_failed_pull_hides_nothing(
    ledger: Ledger, make_result: Make, platform: str | None, digest: str | None
) -> None:
    ledger.record(make_result(digest="a"))
    ledger.record(
        make_result(digest=digest, image_id=None, platform=platform, status=INCONCLUSIVE, hour=1)
    )
    assert told(ledger.presented()) == [(DEBIAN, "a", "certified")]


def test_a_failed_pull_shows_where_there_is_nothing_else(ledger: Ledger, make_result: Make) -> None:
    nothing = {"image_id": None, "status": INCONCLUSIVE}
    ledger.record(make_result("lost", platform=None, **nothing))
    ledger.record(make_result("lost", platform="linux/arm64", **nothing))
    ledger.record(make_result("lost", platform="linux/arm64", hour=1, **nothing))
    ledger.record(make_result(digest="a"))
    ledger.record(make_result(platform="linux/arm64", **nothing))
    assert [(r.image.reference, r.image.platform) for r in ledger.presented()] == [
        (DEBIAN, "linux/amd64"),
        (DEBIAN, "linux/arm64"),
        ("lost", "linux/arm64"),
    ]


def test_two_names_of_one_image_share_what_stands(ledger: Ledger, make_result: Make) -> None:
    ledger.record(make_result(digest="a", tag="12", status=INCONCLUSIVE))
    ledger.record(make_result(BOOKWORM, digest="a", tag="bookworm", hour=1))
    rows = ledger.presented()
    assert told(rows) == [(DEBIAN, "a", "certified"), (BOOKWORM, "a", "certified")]
    assert [row.image.tag for row in rows] == ["12", "bookworm"]
    assert len(ledger.current()) == 1


@pytest.mark.parametrize("prefix", ["", "sqlite:///"])
def test_a_ledger_is_made_with_its_folder_and_kept(
    tmp_path: Path, make_result: Make, prefix: str
) -> None:
    path = tmp_path / "new folder" / "cert?#%20.db"
    path = path if not prefix else path.with_name("certify.db")
    with Ledger.open(f"{prefix}{path}") as ledger:
        ledger.record(make_result())
    assert path.exists()
    with Ledger.open(f"{prefix}{path}") as ledger:
        assert len(ledger.current()) == 1


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("remember the milk\n" * 100)
    before = path.read_bytes()
    with pytest.raises(BadLedger, match=r"notes\.txt is not a database") as refused:
        Ledger.open(str(path))
    assert refused.value.remedy
    assert path.read_bytes() == before


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "browser.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(BadLedger, match=r"browser\.db is not certify's.*bookmarks"):
        Ledger.open(str(path))
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["browser.db"]


def test_a_newer_ledger_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "certify.db"
    Ledger.open(str(path)).close()
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE certify_schema SET version = 99"))
    engine.dispose()
    with pytest.raises(BadLedger, match=r"newer certify.*version 99") as refused:
        Ledger.open(str(path))
    assert "Update certify" in refused.value.remedy


def test_a_result_that_cannot_be_read_is_named(tmp_path: Path, make_result: Make) -> None:
    path = tmp_path / "certify.db"
    with Ledger.open(str(path)) as ledger:
        number = ledger.record(make_result())
        engine = create_engine(f"sqlite:///{path}")
        with engine.begin() as connection:
            connection.execute(text("UPDATE certify_results SET document = '{}'"))
        engine.dispose()
        with pytest.raises(BadLedger, match=f"result {number} cannot be read"):
            ledger.current()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nosuchthing://host/db", "not the address"),
        ("postgresql://user:secret@host:port/db", "not the address"),
        ("postgresql+pg8000://user:secret@host/db", "no driver"),
        ("sqlite:////proc/no/such/certify.db", "folder"),
        ("/proc", "cannot be used"),
    ],
)
def test_an_address_that_leads_nowhere(
    monkeypatch: pytest.MonkeyPatch, url: str, says: str
) -> None:
    monkeypatch.setitem(sys.modules, "pg8000", None)
    with pytest.raises(BadLedger, match=says) as refused:
        Ledger.open(url)
    assert "secret" not in refused.value.message


def record_some(path: str, worker: int, template: str) -> int:
    """In another process: open the ledger (all at once, so creating it too) and write to it."""
    result = Result.model_validate_json(template)
    for number in range(20):
        name = f"worker{worker}:{number}"
        with Ledger.open(path) as ledger:
            ledger.record(
                result.model_copy(
                    update={"image": result.image.model_copy(update={"reference": name})}
                )
            )
            ledger.presented()
    return worker


def test_many_processes_create_and_write_one_ledger(tmp_path: Path, make_result: Make) -> None:
    path = str(tmp_path / "certify.db")
    template = make_result(digest="a").model_dump_json(by_alias=True)
    workers = 4
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        done = pool.map(record_some, [path] * workers, range(workers), [template] * workers)
        assert list(done) == list(range(workers))
    with Ledger.open(path) as ledger:
        assert len(ledger.presented()) == workers * 20
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
