"""Rows of the matrix: which result is in force for each reference, platform and profile."""

from __future__ import annotations

from collections.abc import Callable

from certify.ledger.store import Ledger
from certify.model.result import Result
from certify.model.terms import Status

CERTIFIED, REJECTED, INCONCLUSIVE = Status.CERTIFIED, Status.REJECTED, Status.INCONCLUSIVE
DEBIAN = "docker.io/library/debian:12"
BOOKWORM = "docker.io/library/debian:bookworm"

Make = Callable[..., Result]


def summaries(results: list[Result]) -> list[tuple[str, str | None, str]]:
    return [(r.image.reference, r.image.digest, r.verdict.status.value) for r in results]


def test_a_failed_pull_has_a_row_if_there_is_no_other_result(
    ledger: Ledger, make_result: Make
) -> None:
    nothing = {"image_id": None, "status": INCONCLUSIVE}
    ledger.record(make_result("lost", platform=None, **nothing))
    ledger.record(make_result("lost", platform="linux/arm64", **nothing))
    ledger.record(make_result("lost", platform="linux/arm64", hour=1, **nothing))
    ledger.record(make_result(digest="a"))
    ledger.record(make_result(platform="linux/arm64", **nothing))
    assert [(r.image.reference, r.image.platform) for r in ledger.matrix_results()] == [
        (DEBIAN, "linux/amd64"),
        (DEBIAN, "linux/arm64"),
        ("lost", "linux/arm64"),
    ]


def test_two_names_of_one_image_share_the_result_in_force(
    ledger: Ledger, make_result: Make
) -> None:
    ledger.record(make_result(digest="a", tag="12", status=INCONCLUSIVE))
    ledger.record(make_result(BOOKWORM, digest="a", tag="bookworm", hour=1))
    results = ledger.matrix_results()
    assert summaries(results) == [(DEBIAN, "a", "certified"), (BOOKWORM, "a", "certified")]
    assert [each.image.tag for each in results] == ["12", "bookworm"]


def test_each_platform_and_profile_has_its_own_row(ledger: Ledger, make_result: Make) -> None:
    ledger.record(make_result(digest="a"))
    ledger.record(make_result(digest="a", platform="linux/arm64", status=REJECTED))
    ledger.record(make_result(digest="a", profile="plain", status=INCONCLUSIVE))
    assert [(row.platform, row.profile, row.status) for row in ledger.matrix_rows()] == [
        ("linux/amd64", "devspace", CERTIFIED),
        ("linux/amd64", "plain", INCONCLUSIVE),
        ("linux/arm64", "devspace", REJECTED),
    ]
    assert [row.profile for row in ledger.matrix_rows("plain")] == ["plain"]


def test_the_history_of_a_row_begins_with_the_oldest(ledger: Ledger, make_result: Make) -> None:
    for hour, status in ((2, REJECTED), (1, CERTIFIED)):
        ledger.record(make_result(digest="a", status=status, hour=hour))
    ledger.record(make_result(digest="a", profile="plain"))
    rows = ledger.matrix_rows("devspace")
    assert {
        key: [each.status for each in points] for key, points in ledger.history_points(rows).items()
    } == {rows[0].key: [CERTIFIED, REJECTED]}
    assert dict(ledger.recent(8))[rows[0].key] == (2, 2, "cr")
    assert dict(ledger.recent(1, [rows[0].reference]))[rows[0].key] == (2, 2, "r")
    assert list(ledger.recent(1, ["another"])) == []
