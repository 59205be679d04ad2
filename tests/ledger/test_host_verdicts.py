"""Verdicts by kind of host: each kind has its own in force, whatever the others found."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from certify.ledger.store import Ledger
from certify.model.host import HostVerdict
from certify.model.result import Result
from certify.model.terms import Status
from tests.factories import HOST, NOON

CERTIFIED, REJECTED, INCONCLUSIVE = Status.CERTIFIED, Status.REJECTED, Status.INCONCLUSIVE
DEBIAN = "docker.io/library/debian:12"
V1, V2 = "cgroup v1, overlay2, amd64", "cgroup v2, overlay2, amd64"

Make = Callable[..., Result]


def on(result: Result, version: str) -> Result:
    return result.model_copy(
        update={
            "host": HOST.model_copy(update={"cgroup_version": version, "architecture": "amd64"})
        }
    )


def verdicts(ledger: Ledger) -> list[tuple[str, str]]:
    """The kinds and verdicts of the only row, alike in whole results and in summaries."""
    rows = ledger.matrix_rows()
    whole, short = (
        [each.hosts for _, each in of(rows)] for of in (ledger.results, ledger.summaries)
    )
    assert whole == short
    (found,) = whole
    return [(each.kind, each.status.value) for each in found]


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        ([("1", CERTIFIED)], []),
        ([("1", CERTIFIED), ("1", REJECTED)], []),
        ([("1", CERTIFIED), ("2", REJECTED)], [(V1, "certified"), (V2, "rejected")]),
        ([("2", REJECTED), ("1", CERTIFIED)], [(V1, "certified"), (V2, "rejected")]),
        (
            [("1", CERTIFIED), ("2", REJECTED), ("2", CERTIFIED)],
            [(V1, "certified"), (V2, "certified")],
        ),
        (
            [("1", CERTIFIED), ("2", REJECTED), ("2", INCONCLUSIVE)],
            [(V1, "certified"), (V2, "rejected")],
        ),
        (
            [("1", INCONCLUSIVE), ("2", INCONCLUSIVE), ("2", CERTIFIED)],
            [(V1, "inconclusive"), (V2, "certified")],
        ),
    ],
)
def test_each_kind_has_a_verdict_in_force(
    ledger: Ledger,
    make_result: Make,
    recorded: list[tuple[str, Status]],
    expected: list[tuple[str, str]],
) -> None:
    for hour, (version, status) in enumerate(recorded):
        ledger.record(on(make_result(digest="sha256:1", status=status, hour=hour), version))
    assert verdicts(ledger) == expected


def test_another_image_profile_or_unknown_host_does_not_count(
    ledger: Ledger, make_result: Make
) -> None:
    ledger.record(on(make_result(digest="sha256:1"), "1"))
    ledger.record(make_result(digest="sha256:1"))
    ledger.record(on(make_result(DEBIAN.replace("12", "11"), digest="sha256:2"), "2"))
    ledger.record(on(make_result(digest="sha256:1", profile="plain"), "2"))
    ledger.record(on(make_result(digest="sha256:1", platform="linux/arm64"), "2"))
    assert {each.hosts for each in ledger.matrix_results()} == {()}
    assert ledger.host_verdicts.kinds() == [V1, V2]


def test_a_name_shares_the_verdicts_of_its_image(ledger: Ledger, make_result: Make) -> None:
    ledger.record(on(make_result(digest="sha256:1"), "1"))
    ledger.record(on(make_result("other:1", digest="sha256:1", status=REJECTED), "2"))
    first, second = ledger.matrix_results()
    assert first.hosts == second.hosts
    assert [each.status for each in first.hosts] == [CERTIFIED, REJECTED]


def test_a_revoked_image_is_rejected_on_every_host(ledger: Ledger, make_result: Make) -> None:
    for version, status in (("1", CERTIFIED), ("2", REJECTED)):
        ledger.record(on(make_result(digest="sha256:1", status=status), version))
    ledger.revocations.add("sha256:1", DEBIAN, "a miner")
    (result,) = ledger.matrix_results()
    assert (result.verdict.status, result.hosts) == (REJECTED, ())


def test_what_a_recorded_document_says_of_hosts_does_not_count(
    ledger: Ledger, make_result: Make
) -> None:
    forged = HostVerdict(kind=V2, status=CERTIFIED, finished_at=NOON, expires_at=NOON)
    ledger.record(on(make_result(digest="sha256:1"), "1").model_copy(update={"hosts": (forged,)}))
    assert verdicts(ledger) == []
