"""A note is only about hosts that disagree now."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from certify.model.host import HostVerdict
from certify.model.terms import Grade, Status
from certify.publish.host_note import host_note
from tests.factories import NOW, a_result

V1, V2 = "cgroup v1, overlay2, amd64", "cgroup v2, overlay2, amd64"


def verdict(kind: str, status: str, grade: str = "", days: float = 1) -> HostVerdict:
    return HostVerdict(
        kind=kind,
        status=Status(status),
        grade=Grade(grade) if grade else None,
        finished_at=NOW,
        expires_at=NOW + timedelta(days=days),
    )


NATIVE = verdict(V1, "certified", "native")


@pytest.mark.parametrize(
    ("hosts", "note"),
    [
        ((), ""),
        ((NATIVE, verdict(V2, "certified", "native")), ""),
        ((NATIVE, verdict(V2, "inconclusive")), ""),
        ((NATIVE, verdict(V2, "certified", "on-launch", days=-1)), ""),
        (
            (NATIVE, verdict(V2, "rejected", days=-1)),
            f"by host: rejected on {V2}; certified native on {V1}",
        ),
        (
            (NATIVE, verdict(V2, "certified", "on-launch")),
            f"by host: certified native on {V1}; certified on-launch on {V2}",
        ),
        (
            (NATIVE, verdict("a\n\x1b[2J", "rejected")),
            f"by host: rejected on a; certified native on {V1}",
        ),
    ],
)
def test_note(hosts: tuple[Any, ...], note: str) -> None:
    assert host_note(a_result(hosts=hosts), NOW) == note
