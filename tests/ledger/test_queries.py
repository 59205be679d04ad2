"""Which result is in force: of a name, of an image, of a kind of host, at a moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from certify.ledger.store import Ledger
from certify.model.result import Image, Result
from certify.model.terms import Status
from tests.factories import NOON
from tests.ledger.test_matrix_rows import CERTIFIED, DEBIAN, INCONCLUSIVE, REJECTED, summaries

Make = Callable[..., Result]


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


def test_an_image_without_a_digest_is_known_by_its_id(ledger: Ledger, make_result: Make) -> None:
    ledger.record(make_result("local", image_id="sha256:i"))
    ledger.record(make_result("local:again", image_id="sha256:i", status=REJECTED, hour=1))
    assert summaries(ledger.matrix_results()) == [
        ("local", None, "rejected"), ("local:again", None, "rejected"),
    ]  # fmt: skip


def test_an_image_is_known_by_its_id_or_its_digest(ledger: Ledger, make_result: Make) -> None:
    ledger.record(make_result("one:1", image_id="i", digest="d"))
    ledger.record(make_result("other:1", image_id="o", digest="p", hour=1))

    def found(
        image_id: str | None = None,
        digest: str | None = None,
        *,
        platform: str = "linux/amd64",
        profile: str = "devspace",
    ) -> str | None:
        image = Image(reference="x", image_id=image_id, digest=digest, platform=platform)
        result = ledger.result_in_force(image, profile, NOON)
        return result.image.reference if result else None

    assert found(image_id="i") == "one:1"
    assert found(image_id="new", digest="d") == "one:1"
    assert found(image_id="new") is None
    assert found() is None, "an image without ID and digest is unknown"
    assert found("i", profile="plain") is None
    assert found(image_id="i", platform="linux/arm64") is None


def test_an_expired_result_is_not_in_force(ledger: Ledger, make_result: Make) -> None:
    image = Image(reference="x", image_id="i", platform="linux/amd64")
    for hour, status in enumerate((Status.CERTIFIED, Status.REJECTED, Status.INCONCLUSIVE)):
        ledger.record(make_result(image_id="i", hour=hour, status=status))

    def after(hours: float) -> Status | None:
        result = ledger.result_in_force(image, "devspace", NOON + timedelta(hours=hours))
        return result.verdict.status if result else None

    month = 30 * 24
    assert after(3) is Status.REJECTED
    assert after(month + 0.5) is Status.REJECTED
    assert after(month + 1.5) is Status.INCONCLUSIVE
    assert after(month + 2.5) is None
