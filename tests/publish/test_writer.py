"""What lies under reports/ after a run, and after the next one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import event, text

from certify.ledger.changes import sweep_entry
from certify.ledger.store import Ledger
from certify.model.errors import LedgerUnavailable
from certify.model.file_names import certificate_stem
from certify.model.result import Result
from certify.model.result_key import ResultKey
from certify.model.terms import Grade, Status
from certify.publish.matrix import matrix_json, matrix_markdown
from certify.publish.site.build import rows_file
from certify.publish.writer import update_reports, write_reports
from certify.util.files import folder_lock
from tests.factories import NOON, many, result_of

MakeResult = Callable[..., Result]


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with Ledger.open("sqlite://") as opened:
        yield opened


def record(ledger: Ledger, *results: Result) -> None:
    for result in results:
        ledger.record(result)


def moments(folder: Path) -> dict[str, int]:
    """When each file was written."""
    return {name: (folder / name).stat().st_mtime_ns for name in names(folder)}


def test_everything_is_written_and_whole(
    tmp_path: Path, ledger: Ledger, one_of_each: list[Result]
) -> None:
    record(ledger, *one_of_each)
    assert write_reports(tmp_path, one_of_each[:2], ledger) == len(one_of_each)
    assert len(ET.parse(tmp_path / "junit.xml").getroot()) == 2
    assert len(json.loads((tmp_path / "matrix.json").read_text())["rows"]) == len(one_of_each)
    assert (tmp_path / "matrix.md").read_text().startswith("# Compatibility matrix")
    for result in ledger.matrix_results():
        text = (tmp_path / "results" / f"{certificate_stem(result)}.json").read_text()
        assert Result.model_validate_json(text) == result
    stems = {certificate_stem(result) for result in one_of_each}
    for folder, ends, more in (
        ("results", {".json"}, set()), ("badges", {".json", ".svg"}, {"all"}),
        ("images", {".html"}, set()),
    ):  # fmt: skip
        for end in ends:
            assert {path.stem for path in (tmp_path / folder).glob(f"*{end}")} == stems | more
    assert not [name for name in names(tmp_path) if name.endswith(".tmp")]


def test_tables_from_summaries_equal_those_from_results(
    tmp_path: Path, ledger: Ledger, one_of_each: list[Result]
) -> None:
    """Thin results are enough for them."""
    record(ledger, *one_of_each)
    update_reports(tmp_path, ledger, now=NOON)
    standing = ledger.matrix_results()
    assert (tmp_path / "matrix.json").read_text() == "".join(matrix_json(standing, NOON))
    assert (tmp_path / "matrix.md").read_text() == matrix_markdown(standing, NOON)
    recent = dict(ledger.recent(8))
    runs = [recent[ResultKey.of(each)].runs for each in standing]
    name, rows = rows_file(standing, NOON, runs=runs)
    assert (tmp_path / name).read_text() == "".join(rows)


def test_names_tell_what_is_inside_and_differ(one_of_each: list[Result]) -> None:
    assert certificate_stem(one_of_each[1]).startswith(
        "localhost_debian_trixie_devspace_linux_amd64-"
    )
    assert len(set(map(certificate_stem, one_of_each))) == len(one_of_each)


def test_an_empty_ledger_has_reports(tmp_path: Path, ledger: Ledger) -> None:
    assert write_reports(tmp_path, [], ledger) == 0
    tables = {"junit.xml", "matrix.json", "matrix.md", "badges/all.json", "badges/all.svg"}
    assert tables | {"index.html", "compare.html", "assets/rows.js"} <= names(tmp_path)


def test_only_what_changed_is_written_again(tmp_path: Path, ledger: Ledger) -> None:
    now = NOON
    record(ledger, *many(5))
    assert update_reports(tmp_path, ledger, now=now) == 5
    before = moments(tmp_path)
    assert update_reports(tmp_path, ledger, now=now) == 0
    assert moments(tmp_path) == before
    newer = result_of(2, now + timedelta(hours=1))
    record(ledger, newer)
    documents: list[str] = []
    event.listen(
        ledger._database.engine,
        "before_cursor_execute",
        lambda *call: documents.extend(map(str, call[3])) if "document" in call[2] else None,
    )
    assert update_reports(tmp_path, ledger, now=now) == 1
    assert len(documents) == 1, "the tables are made from summaries"
    after = moments(tmp_path)
    changed = {name for name in after if after[name] != before.get(name)}
    stem = certificate_stem(newer)
    tables = {
        "matrix.json",
        "matrix.md",
        "metrics/images.prom",
        "assets/rows.js",
        "assets/pages.txt",
    }
    assert {f"results/{stem}.json", f"images/{stem}.html"} <= changed
    assert {Path(name).stem for name in changed - tables} == {stem}


@pytest.mark.parametrize(
    "lost", ["results/{}.json", "badges/{}.svg", "images/{}.html", "assets/pages.txt", "matrix.md"]
)
def test_missing_and_empty_files_are_written_again(
    tmp_path: Path, ledger: Ledger, lost: str
) -> None:
    (result,) = many(1)
    record(ledger, result)
    update_reports(tmp_path, ledger, now=NOON)
    file = tmp_path / lost.format(certificate_stem(result))
    whole = file.read_bytes()
    for damage in (file.unlink, lambda: file.write_bytes(b"")):
        damage()
        update_reports(tmp_path, ledger, now=NOON)
        assert file.read_bytes() == whole


@pytest.mark.parametrize("notes", ["[]", "{", '{"a": 1}', "\x00", "7"])
def test_unreadable_fingerprints_only_cost_time(tmp_path: Path, ledger: Ledger, notes: str) -> None:
    record(ledger, *many(2))
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets/pages.txt").write_text(notes)
    assert update_reports(tmp_path, ledger, now=NOON) == 2
    assert update_reports(tmp_path, ledger, now=NOON) == 0


def test_a_page_forgets_the_results_that_were_pruned(tmp_path: Path, ledger: Ledger) -> None:
    record(ledger, *(result_of(0, NOON + timedelta(days=day)) for day in range(3)))
    record(ledger, result_of(1, NOON))
    assert update_reports(tmp_path, ledger) == 2
    assert ledger.retention.prune(1, None)[0] == 2
    assert update_reports(tmp_path, ledger) == 1
    assert update_reports(tmp_path, ledger) == 0


def test_an_expired_certificate_is_written_again(tmp_path: Path, ledger: Ledger) -> None:
    result = next(each for each in many(50) if each.verdict.grade is Grade.NATIVE)
    record(ledger, result)
    badge = tmp_path / "badges" / f"{certificate_stem(result)}.json"
    for now, said, count in (
        (result.expires_at - timedelta(seconds=1), "certified native", "1 certified"),
        (result.expires_at, "expired", "0 certified, 1 expired"),
    ):
        assert update_reports(tmp_path, ledger, now=now) == 1
        assert json.loads(badge.read_text())["message"] == said
        assert json.loads((tmp_path / "badges/all.json").read_text())["message"] == count
        matrix = (tmp_path / "matrix.md").read_text()
        assert (" ✓ CERTIFIED native " in matrix) == (said != "expired")
        assert ("\n1 result: 1 expired\n" in matrix) == (said == "expired")


def test_a_waiting_writer_includes_results_recorded_meanwhile(tmp_path: Path) -> None:
    early, late = many(2)
    with Ledger.open(f"sqlite:///{tmp_path}/certify.db") as ledger, ThreadPoolExecutor() as pool:
        with folder_lock(tmp_path / "assets"):
            ledger.record(early)
            writing = pool.submit(update_reports, tmp_path, ledger)
            assert not wait([writing], timeout=0.5).done
            ledger.record(late)
        assert writing.result() == 2
    told = json.loads((tmp_path / "matrix.json").read_text())["rows"]
    assert {row["reference"] for row in told} == {early.image.reference, late.image.reference}


def test_a_certificate_supersedes_an_earlier_failure_to_pull(
    tmp_path: Path, ledger: Ledger, make_result: MakeResult
) -> None:
    lost = make_result("debian:12", image={}, checks=(), status=Status.INCONCLUSIVE)
    record(ledger, lost)
    update_reports(tmp_path, ledger)
    assert f"results/{certificate_stem(lost)}.json" in names(tmp_path)
    found = make_result("debian:12")
    record(ledger, found)
    update_reports(tmp_path, ledger)
    about = [name for name in names(tmp_path) if certificate_stem(lost) in name.split("/")[-1]]
    assert about == []
    assert f"results/{certificate_stem(found)}.json" in names(tmp_path)


def test_a_hostile_name_stays_in_its_folder(
    tmp_path: Path, ledger: Ledger, make_result: MakeResult
) -> None:
    result = make_result("../../" + "x" * 300, profile="/..\x00")
    record(ledger, result)
    write_reports(tmp_path / "reports", [result], ledger)
    assert all(name.startswith("reports/") for name in names(tmp_path))


def test_certificates_are_written_without_a_readable_ledger(
    tmp_path: Path, one_of_each: list[Result]
) -> None:
    file = tmp_path / "certify.db"
    with Ledger.open(f"sqlite:///{file}") as ledger:
        file.write_bytes(b"this is no database any more" * 1000)
        with pytest.raises(LedgerUnavailable):
            write_reports(tmp_path / "reports", one_of_each, ledger)
    assert len(list((tmp_path / "reports/results").iterdir())) == len(one_of_each)
    assert (tmp_path / "reports/junit.xml").exists()


def test_a_result_that_cannot_be_read_stops_nothing(tmp_path: Path, ledger: Ledger) -> None:
    record(ledger, *many(3))
    with ledger._database.engine.begin() as connection:
        connection.execute(text("UPDATE certify_results SET document = '{}' WHERE id = 2"))
    assert update_reports(tmp_path, ledger) == 3
    assert len(list((tmp_path / "images").glob("*.html"))) == 2
    assert len(json.loads((tmp_path / "matrix.json").read_text())["rows"]) == 3, "by its summary"


def test_a_sweep_that_changed_something_is_in_the_feed_and_in_the_metrics(
    tmp_path: Path, ledger: Ledger, native: Result, rejected: Result
) -> None:
    update_reports(tmp_path, ledger)
    assert not (tmp_path / "changes.atom").exists()
    for results in ([native], [native, rejected], [native, rejected]):
        record(ledger, *results)
        number = ledger.sweeps.begin("list.txt", "me", lambda _: True)
        ledger.sweeps.finish(number, [*map(sweep_entry, results)])
        update_reports(tmp_path, ledger)
    feed = (tmp_path / "changes.atom").read_text()
    assert feed.count("<entry>") == 1
    assert f"appeared: {rejected.image.reference} [devspace]" in feed
    assert (
        'certify_sweep_duration_seconds{list="list.txt"}'
        in (tmp_path / "metrics" / "sweeps.prom").read_text()
    )
    images = (tmp_path / "metrics" / "images.prom").read_text()
    assert images.count("\ncertify_image_verdict{") == 2
