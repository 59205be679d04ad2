"""Results in force, as much of them as the plan of a sweep needs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from certify.ledger.in_force import ResultInForce
from certify.ledger.store import Ledger
from certify.model.result import Result
from tests.factories import HOST, NOON
from tests.ledger.test_matrix_rows import BOOKWORM, CERTIFIED, DEBIAN, INCONCLUSIVE, REJECTED

Make = Callable[..., Result]


def test_a_result_in_force_is_known_by_the_name_that_asked_for_it(
    ledger: Ledger, make_result: Make
) -> None:
    ledger.record(make_result(digest="a", status=INCONCLUSIVE))
    recorded = make_result(BOOKWORM, digest="a", hour=1).model_copy(update={"host": HOST})
    ledger.record(recorded)
    found = {each.reference: each for each in ledger.results_in_force()}
    assert found[BOOKWORM] == ResultInForce(
        reference=BOOKWORM, profile="devspace", platform="linux/amd64", digest="a",
        status=CERTIFIED, suite_digest="sha256:5", host_class=HOST.kind,
        finished_at=NOON + timedelta(hours=1), expires_at=recorded.expires_at,
    )  # fmt: skip
    assert found[DEBIAN].key == (DEBIAN, "linux/amd64", "devspace")
    assert found[DEBIAN].finished_at == recorded.finished_at, "it is the other name's"


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
