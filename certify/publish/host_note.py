"""A note about verdicts that differ by kind of host. Pure."""

from __future__ import annotations

from datetime import datetime

from certify.model.host import HostVerdict
from certify.model.result import Result
from certify.model.terms import Status
from certify.util.text import one_line


def host_note(result: Result, now: datetime) -> str:
    """Return the verdict on each kind of host, where they differ; else an empty text.

    Such as ``by host: rejected on cgroup v2, overlay2, x86_64; certified native on …``. What is
    inconclusive, or has expired by ``now``, differs from nothing.
    """
    valid = [each for each in result.hosts if _counts(each, now)]
    if len({(each.status, each.grade) for each in valid}) < 2:
        return ""
    worst_first = sorted(valid, key=lambda each: (each.status is Status.CERTIFIED, each.kind))
    return f"by host: {'; '.join(map(_words, worst_first))}"


def _counts(verdict: HostVerdict, now: datetime) -> bool:
    if verdict.status is Status.CERTIFIED:
        return verdict.expires_at > now
    return verdict.status is Status.REJECTED


def _words(verdict: HostVerdict) -> str:
    grade = f" {verdict.grade.value}" if verdict.grade else ""
    return f"{verdict.status.value}{grade} on {one_line(verdict.kind, 100)}"
