"""Rows of the matrix: which result is in force for each reference, platform and profile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from certify.ledger.store import Ledger
from certify.model.result import Image, Result
from certify.model.terms import Status
from tests.factories import HOST, NOON

CERTIFIED, REJECTED, INCONCLUSIVE = Status.CERTIFIED, Status.REJECTED, Status.INCONCLUSIVE
DEBIAN = "docker.io/library/debian:12"
BOOKWORM = "docker.io/library/debian:bookworm"

Make = Callable[..., Result]


def summaries(results: list[Result]) -> list[tuple[str, str | None, str]]:
    return [(r.image.reference, r.image.digest, r.verdict.status.value) for r in results]


@pytest.mark.parametrize(
    ("statuses", "in_force"),
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
def test_an_inconclusive_result_replaces_no_other(
    ledger: Ledger, make_result: Make, statuses: list[Status], in_force: Status
) -> None:
    for hour, status in enumerate(statuses):
        ledger.record(make_result(digest="sha256:1", status=status, hour=hour))
    assert summaries(ledger.matrix_results()) == [(DEBIAN, "sha256:1", in_force.value)]
    newest = max(hour for hour, status in enumerate(statuses) if status == in_force)
    (result,) = ledger.matrix_results()
    assert result.finished_at == NOON + timedelta(hours=newest)


@pytest.mark.parametrize("kind", ["two names", "one name"])
def test_the_order_of_recording_decides_and_no_hosts_clock(
    ledger: Ledger, make_result: Make, kind: str
) -> None:
    ahead = 120 * 24
    ledger.record(make_result(digest="a", hour=ahead))
    for number in (1, 2):
        name = DEBIAN if kind == "one name" else f"copy:{number}"
        ledger.record(make_result(name, digest="a", hour=number, status=REJECTED))
    assert {each.verdict.status for each in ledger.matrix_results()} == {REJECTED}
    assert {each.status for each in ledger.results_in_force()} == {REJECTED}
    image = Image(reference="x", digest="a", platform="linux/amd64")
    found = ledger.result_in_force(image, "devspace", NOON + timedelta(hours=3))
    assert found is not None
    assert found.verdict.status is REJECTED


def test_each_kind_of_host_has_its_own_result_in_force(ledger: Ledger, make_result: Make) -> None:
    kinds = {}
    for hour, (storage, status) in enumerate(
        [("overlay2", CERTIFIED), ("vfs", REJECTED), ("overlay2", INCONCLUSIVE)]
    ):
        host = HOST.model_copy(update={"storage_driver": storage})
        kinds[storage] = host.kind
        result = make_result(digest="sha256:1", status=status, hour=hour)
        ledger.record(result.model_copy(update={"host": host}))
    wanted = {(): REJECTED, ("overlay2",): CERTIFIED, ("vfs",): REJECTED, ("zfs",): REJECTED}
    for names, status in wanted.items():
        hosts = {kinds.get(name, name) for name in names}
        (row,) = ledger.matrix_rows(hosts=hosts)
        (standing,) = ledger.results_in_force(hosts)
        assert row.status == standing.status == status, names
    (row,) = ledger.matrix_rows(hosts=set(kinds.values()))
    assert row.status is REJECTED, "the last one of several kinds"


def test_a_tag_that_moved_has_only_a_row_of_its_newest_image(
    ledger: Ledger, make_result: Make
) -> None:
    ledger.record(make_result(digest="old"))
    ledger.record(make_result(digest="new", status=REJECTED, hour=1))
    assert summaries(ledger.matrix_results()) == [(DEBIAN, "new", "rejected")]


def test_a_tag_that_moved_is_not_certified_by_its_former_image(
    ledger: Ledger, make_result: Make
) -> None:
    ledger.record(make_result(digest="old"))
    ledger.record(make_result(digest="new", status=INCONCLUSIVE, hour=1))
    assert summaries(ledger.matrix_results()) == [(DEBIAN, "new", "inconclusive")]


def test_a_tag_that_moved_back_has_the_old_certificate(ledger: Ledger, make_result: Make) -> None:
    ledger.record(make_result(digest="old"))
    ledger.record(make_result(digest="new", status=REJECTED, hour=1))
    ledger.record(make_result(digest="old", status=INCONCLUSIVE, hour=2))
    assert summaries(ledger.matrix_results()) == [(DEBIAN, "old", "certified")]


def test_a_tag_that_moved_under_one_profile_moved_under_all(
    ledger: Ledger, make_result: Make
) -> None:
    ledger.record(make_result(digest="old"))
    ledger.record(make_result(digest="new", profile="plain", hour=1))
    assert ledger.matrix_results("devspace") == []
    assert summaries(ledger.matrix_results()) == [(DEBIAN, "new", "certified")]


@pytest.mark.parametrize("platform", [None, "linux/amd64"])
@pytest.mark.parametrize("digest", [None, "seen in the registry"])
def test_a_failed_pull_hides_no_result(
    ledger: Ledger, make_result: Make, platform: str | None, digest: str | None
) -> None:
    ledger.record(make_result(digest="a"))
    ledger.record(
        make_result(digest=digest, image_id=None, platform=platform, status=INCONCLUSIVE, hour=1)
    )
    assert summaries(ledger.matrix_results()) == [(DEBIAN, "a", "certified")]


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


def test_an_image_without_a_digest_is_known_by_its_id(ledger: Ledger, make_result: Make) -> None:
    ledger.record(make_result("local", image_id="sha256:i"))
    ledger.record(make_result("local:again", image_id="sha256:i", status=REJECTED, hour=1))
    assert summaries(ledger.matrix_results()) == [
        ("local", None, "rejected"), ("local:again", None, "rejected"),
    ]  # fmt: skip


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
