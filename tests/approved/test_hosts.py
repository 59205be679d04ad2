"""The hosts of a policy: each kind that it names must have certified, and none other matters."""

from __future__ import annotations

from datetime import timedelta

import pytest

from certify.approved.approval import approve
from certify.approved.hosts import earliest_end, relevant_kinds
from certify.approved.policy import Policy
from certify.model.host import Host, HostVerdict
from certify.model.result import Result
from certify.model.terms import Grade, Status
from tests.factories import HOST, NOW, a_certificate

V1, V2 = "cgroup v1, overlay2, amd64", "cgroup v2, overlay2, amd64"
BOTH = ("cgroup v1, *", "cgroup v2, *")


def on_v1() -> Host:
    return HOST.model_copy(update={"cgroup_version": "1", "architecture": "amd64"})


def verdict(
    kind: str, status: Status, grade: Grade | None = None, *, age: float = 0, left: float = 10
) -> HostVerdict:
    return HostVerdict(
        kind=kind,
        status=status,
        grade=grade,
        finished_at=NOW - timedelta(days=age),
        expires_at=NOW + timedelta(days=left),
    )


def certified(
    kind: str, grade: Grade = Grade.NATIVE, *, age: float = 0, left: float = 10
) -> HostVerdict:
    return verdict(kind, Status.CERTIFIED, grade, age=age, left=left)


REJECTED, UNKNOWN = verdict(V2, Status.REJECTED), verdict(V2, Status.INCONCLUSIVE)


def of(*hosts: HostVerdict) -> Result:
    return a_certificate(host=on_v1(), hosts=hosts)


@pytest.mark.parametrize(
    ("policy", "result", "reason"),
    [
        (Policy(), of(certified(V1), REJECTED), None),
        (Policy(hosts=("cgroup v1, *",)), of(), None),
        (Policy(hosts=("cgroup v1, *",)), of(certified(V1), REJECTED), None),
        (Policy(hosts=BOTH), of(certified(V1), certified(V2)), None),
        (Policy(hosts=("*",)), of(certified(V1), UNKNOWN), None),
        (Policy(hosts=BOTH), of(certified(V1), REJECTED), f"it is rejected on {V2}"),
        (
            Policy(hosts=BOTH),
            of(),
            "no host of the kind cgroup v2, * has certified it, and the policy requires one",
        ),
        (
            Policy(hosts=BOTH),
            of(certified(V1), UNKNOWN),
            "no host of the kind cgroup v2, * has certified it, and the policy requires one",
        ),
        (
            Policy(hosts=BOTH),
            of(certified(V1), certified(V2, left=-1)),
            f"its certificate of {V2} expired on {NOW - timedelta(days=1):%Y-%m-%d}",
        ),
        (
            Policy(hosts=BOTH, grades=(Grade.NATIVE,)),
            of(certified(V1), certified(V2, Grade.ON_LAUNCH)),
            f"its grade is on-launch on {V2}, which the policy does not allow",
        ),
        (
            Policy(hosts=BOTH, max_age_days=3),
            of(certified(V1), certified(V2, age=4)),
            f"its certificate of {V2} is of {NOW - timedelta(days=4):%Y-%m-%d},"
            " more than 3 days ago",
        ),
    ],
)
def test_hosts_must_agree(policy: Policy, result: Result, reason: str | None) -> None:
    approved, excluded = approve(policy, [(1, result)], [], NOW)
    assert [each.reason for each in excluded] == ([] if reason is None else [reason])
    assert len(approved) == (reason is None)


def test_a_listed_image_expires_with_the_first_certificate_that_is_asked_for() -> None:
    result = of(certified(V1, left=9), certified(V2, left=2))
    assert earliest_end(Policy(hosts=BOTH), result) == NOW + timedelta(days=2)
    assert earliest_end(Policy(hosts=("cgroup v1, *",)), result) == NOW + timedelta(days=9)
    assert earliest_end(Policy(), result) == result.expires_at


def test_only_kinds_that_the_policy_names_are_relevant() -> None:
    assert relevant_kinds(Policy(hosts=("*, overlay2, *",)), [V1, "cgroup v2, vfs, amd64"]) == [V1]
    assert relevant_kinds(Policy(), [V1]) == []
